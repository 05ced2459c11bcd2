/** A word of at most eight characters with the blanks before it, or trailing blanks: joined, the pieces are the text again. */
const PIECE = /\s*\S{1,8}|\s+$/gu

/** Splits a text into the simulated engine's tokens. Their concatenation is the text, byte for byte. */
export function tokenize(text: string): readonly string[] {
  return text.match(PIECE) ?? []
}

/** How many tokens a text has by this engine's own count; an estimate of what a real tokenizer would say. */
export function countTokens(text: string): number {
  return tokenize(text).length
}
