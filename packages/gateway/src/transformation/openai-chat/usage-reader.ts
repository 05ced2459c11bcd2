import type { Usage } from '@headrace/contract'
import { COUNT_LIMIT } from '../relay/json-value.ts'
import { neutralUsage } from './read-usage.ts'

const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, ZERO = 0x30
/** Digits of a count within a double's exact integers. */
const DIGITS_LIMIT = 15
type Level = 'usage' | 'input' | 'output'

/**
 * Reads a usage object where it stands in an answer, in a quarter of the time that cutting it out and parsing it takes. It knows the usual spelling
 * only: plain names, whole numbers and nulls, the two objects of details. At anything else it gives up, and the caller parses.
 */
export class UsageReader {
  readonly #text: string
  /** Before `read`: where the object begins; after it, when it succeeded: where it ends. */
  at: number
  #prompt = -1
  #completion = -1
  #total = -1
  #cached = -1
  #cachedBeside = -1
  #hits = -1
  #cacheWrite = -1
  #reasoning = -1
  #audioInput = -1
  #audioOutput = -1

  constructor(text: string, at: number) {
    this.#text = text
    this.at = at
  }

  /** Null = not in the usual spelling, or cut. */
  read(): Usage | null {
    // An escape would make two spellings of one name.
    if (this.#text.includes('\\', this.at) || !this.#readMembers('usage')) return null
    return neutralUsage({
      prompt: this.#prompt, completion: this.#completion, total: this.#total, cached: this.#cached, cachedBeside: this.#hits >= 0 ? this.#hits : this.#cachedBeside,
      cacheWrite: this.#cacheWrite, reasoning: this.#reasoning, audioInput: this.#audioInput, audioOutput: this.#audioOutput,
    })
  }

  #readMembers(level: Level): boolean {
    const text = this.#text
    if (text.charCodeAt(this.at) !== OPEN_BRACE) return false
    let at = skipSpace(text, this.at + 1)
    if (text.charCodeAt(at) === CLOSE_BRACE) {
      this.at = at + 1
      return true
    }
    for (;;) {
      if (text.charCodeAt(at) !== QUOTE) return false
      const name = at + 1
      const end = text.indexOf('"', name)
      at = skipSpace(text, end + 1)
      if (end < 0 || text.charCodeAt(at) !== COLON) return false
      this.at = skipSpace(text, at + 1)
      if (!this.#readValue(level, name, end - name)) return false
      at = skipSpace(text, this.at)
      const unit = text.charCodeAt(at)
      if (unit === CLOSE_BRACE) {
        this.at = at + 1
        return true
      }
      if (unit !== COMMA) return false
      at = skipSpace(text, at + 1)
    }
  }

  #readValue(level: Level, name: number, length: number): boolean {
    const text = this.#text
    if (level === 'usage' && length === 21 && text.startsWith('prompt_tokens_details', name)) {
      this.#cached = this.#cacheWrite = this.#audioInput = -1
      return this.#skipNull() || this.#readMembers('input')
    }
    if (level === 'usage' && length === 25 && text.startsWith('completion_tokens_details', name)) {
      this.#reasoning = this.#audioOutput = -1
      return this.#skipNull() || this.#readMembers('output')
    }
    const count = this.#skipNull() ? -1 : this.#readCount()
    if (count < -1) return false
    if (level === 'usage') this.#takeCount(name, length, count)
    else if (length === 12 && text.startsWith('audio_tokens', name)) {
      if (level === 'input') this.#audioInput = count
      else this.#audioOutput = count
    } else if (level === 'input') {
      if (length === 13 && text.startsWith('cached_tokens', name)) this.#cached = count
      else if (length === 18 && text.startsWith('cache_write_tokens', name)) this.#cacheWrite = count
    } else if (length === 16 && text.startsWith('reasoning_tokens', name)) this.#reasoning = count
    return true
  }

  #takeCount(name: number, length: number, count: number): void {
    const text = this.#text
    if (length === 13 && text.startsWith('prompt_tokens', name)) this.#prompt = count
    else if (length === 17 && text.startsWith('completion_tokens', name)) this.#completion = count
    else if (length === 12 && text.startsWith('total_tokens', name)) this.#total = count
    else if (length === 13 && text.startsWith('cached_tokens', name)) this.#cachedBeside = count
    else if (length === 23 && text.startsWith('prompt_cache_hit_tokens', name)) this.#hits = count
  }

  #skipNull(): boolean {
    if (this.#text.charCodeAt(this.at) !== 0x6e || !this.#text.startsWith('null', this.at)) return false
    this.at += 4
    return true
  }

  /** -1 = absurd; -2 = not a plain whole number. What follows the digits is for the caller to judge. */
  #readCount(): number {
    const text = this.#text
    const start = this.at
    let count = 0
    for (;;) {
      const digit = text.charCodeAt(this.at) - ZERO
      if (!(digit >= 0 && digit <= 9)) break
      count = count * 10 + digit
      this.at++
    }
    const digits = this.at - start
    if (digits === 0 || digits > DIGITS_LIMIT || (digits > 1 && text.charCodeAt(start) === ZERO)) return -2
    return count <= COUNT_LIMIT ? count : -1
  }
}

function skipSpace(text: string, at: number): number {
  for (;;) {
    const unit = text.charCodeAt(at)
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return at
    at++
  }
}
