/** A word of letters up to this length is usually one token of a large vocabulary; longer ones come to about one per five letters. */
const ONE_TOKEN_WORD = 8
const LETTERS_PER_TOKEN = 5

/**
 * Estimates the tokens of a text by classes of characters: no vocabulary, no memory, some microseconds per KB. Against o200k_base: English and
 * Chinese within 2 %, code -6 %, JSON -18 %, Russian +18 %. For reservations and pre-checks with a margin, never for bills.
 */
export function estimateTokens(text: string): number {
  let tokens = 0
  let letters = 0
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if ((unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a)) {
      letters++
      continue
    }
    tokens += wordTokens(letters)
    letters = 0
    if (unit !== 0x20) tokens += unit < 0x80 ? asciiWeight(unit) : wideWeight(unit)
  }
  return Math.ceil(tokens + wordTokens(letters))
}

const wordTokens = (letters: number): number => letters === 0 ? 0 : letters <= ONE_TOKEN_WORD ? 1 : letters / LETTERS_PER_TOKEN

/** Digits group in threes, runs of newlines merge, punctuation partly. */
const asciiWeight = (unit: number): number => unit >= 0x30 && unit <= 0x39 ? 0.38 : unit === 0x0a ? 0.55 : 0.62

/** Tokens per UTF-16 unit by script. */
function wideWeight(unit: number): number {
  if (unit < 0x250) return 0.55 // Latin with marks
  if (unit < 0x530) return 0.3 // Greek, Cyrillic
  if (unit < 0x700) return 0.38 // Hebrew, Arabic
  if (unit < 0xe00) return 0.5 // scripts of India
  if (unit >= 0x3040 && unit < 0x3100) return 0.62 // kana
  if (unit >= 0x4e00 && unit < 0xa000) return 0.72 // Han
  return unit >= 0xac00 && unit < 0xd7b0 ? 0.7 : 0.8 // Hangul; the rest
}
