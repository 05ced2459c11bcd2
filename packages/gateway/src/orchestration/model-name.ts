/** Characters of a model name at most. */
const MAX_LENGTH = 256
const UNFIT = /[\p{Cc}\p{Cs}]/u

/** A name that may be looked up at all: 1 to 256 characters, no control characters, well-formed Unicode. */
export function isModelName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_LENGTH && !UNFIT.test(name)
}

/** JSON string literal in ASCII: a body that is spliced as latin1 stays what it was, whatever the name holds. */
export function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Percent-encodes all but visible ASCII, and `%` itself, so that a name can stand in a header and be read back. */
export function headerSafe(text: string): string {
  return text.replace(/[^\x21-\x24\x26-\x7e]+/gu, part => [...Buffer.from(part, 'utf8')].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''))
}

/** A copy that holds on to nothing else: a slice of a request keeps the whole request in memory. */
export function detached(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}
