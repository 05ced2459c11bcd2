import { TEXT, TOKEN } from './byte-class.ts'

/** Bytes of all heads of one answer, interim ones included. */
const MAX_HEAD_BYTES = 65_536
const MAX_HEADERS = 256

const CR = 13
const LF = 10
const COLON = 0x3a
const SPACE = 0x20
const TAB = 0x09
/** A double holds so many exactly. */
const LENGTH_DIGITS = 15
const VERSION = Buffer.from('HTTP/1.')
const CAPITAL_H = 0x48

const CONTENT_ENCODING = Buffer.from('content-encoding')
const CONTENT_LENGTH = Buffer.from('content-length')
const TRANSFER_ENCODING = Buffer.from('transfer-encoding')
const CONNECTION = Buffer.from('connection')
const KEEP_ALIVE = Buffer.from('keep-alive')
/** What `readQuota` looks for first. */
const REMAINING_TOKENS = Buffer.from('x-ratelimit-remaining-tokens')
const REMAINING_REQUESTS = Buffer.from('x-ratelimit-remaining-requests')
const ANTHROPIC_REMAINING = Buffer.from('anthropic-ratelimit-requests-remaining')

/**
 * Reads one response head: checks every byte (RFC 9112 sections 4 and 5; no bare CR or LF, no folding) and picks out what frames the body.
 * A head that came in one read is read in place; only a split one is gathered.
 */
export class HeadReader {
  complete = false
  status = 0
  /** Of HTTP/1.x. */
  minor = 1
  /** Status line and header lines. Valid when complete. */
  text = ''
  /** -1 = absent. */
  contentLength = -1
  chunked = false
  /** The body is compressed, or coded in some other way. */
  coded = false
  /** The peer keeps the connection open after this answer. */
  persistent = true
  keepAliveMs = -1
  tellsQuota = false
  problem = ''
  #lines = 0
  /** Where scanning goes on, where the current line began and where its colon is, in the bytes being scanned. */
  #position = 0
  #lineStart = 0
  #colon = -1
  /** Bytes of a head that came in pieces. */
  #partial: Buffer | null = null
  #partialLength = 0
  #bytesBefore = 0

  reset(): void {
    this.next()
    this.#bytesBefore = 0
  }

  /** Readies for another head of the same answer: the byte limit goes on counting. */
  next(): void {
    this.complete = false
    this.status = 0
    this.minor = 1
    this.contentLength = -1
    this.chunked = false
    this.coded = false
    this.persistent = true
    this.keepAliveMs = -1
    this.tellsQuota = false
    this.#lines = 0
    this.#lineStart = 0
    this.#colon = -1
    this.#partial = null
    this.#partialLength = 0
  }

  /** Takes bytes from `from` on. Returns the position after the head, `length` if it is not complete, -1 if it is bad. */
  feed(buffer: Buffer, from: number, length: number): number {
    if (this.#partialLength > 0) return this.#feedPartial(buffer, from, length)
    this.#position = from
    this.#lineStart = from
    const end = this.#scan(buffer, length)
    if (end < 0) return -1
    if (this.complete) return this.#close(buffer, from, end)
    if (this.#bytesBefore + length - from > MAX_HEAD_BYTES) return this.#bad('a head larger than 64 KiB')
    this.#gather(buffer, from, length)
    this.#position -= from
    this.#lineStart -= from
    if (this.#colon >= 0) this.#colon -= from
    return length
  }

  #feedPartial(buffer: Buffer, from: number, length: number): number {
    const before = this.#partialLength
    const room = MAX_HEAD_BYTES - this.#bytesBefore - before
    const until = Math.min(length, from + room)
    this.#gather(buffer, from, until)
    const partial = this.#partial as Buffer
    const end = this.#scan(partial, this.#partialLength)
    if (end < 0) return -1
    if (this.complete) return this.#close(partial, 0, end) < 0 ? -1 : from + end - before
    return until < length ? this.#bad('a head larger than 64 KiB') : length
  }

  #gather(buffer: Buffer, from: number, until: number): void {
    const needed = this.#partialLength + until - from
    if (this.#partial === null || this.#partial.length < needed) {
      const larger = Buffer.allocUnsafe(Math.min(MAX_HEAD_BYTES, Math.max(1024, needed * 2)))
      this.#partial?.copy(larger, 0, 0, this.#partialLength)
      this.#partial = larger
    }
    buffer.copy(this.#partial, this.#partialLength, from, until)
    this.#partialLength = needed
  }

  #close(bytes: Buffer, from: number, end: number): number {
    this.#bytesBefore += end - from
    this.text = bytes.toString('latin1', from, end - 2)
    this.#partial = null
    this.#partialLength = 0
    if (this.#bytesBefore > MAX_HEAD_BYTES) return this.#bad('a head larger than 64 KiB')
    return end
  }

  /** Scans on from `#position`. Returns the position after the head if it is complete, else 0; -1 if it is bad. */
  #scan(bytes: Buffer, length: number): number {
    let position = this.#position
    while (position < length) {
      const byte = bytes[position] as number
      if (byte === CR) {
        if (position + 1 === length) break
        if (bytes[position + 1] !== LF) return this.#bad('a bare CR in the head')
        if (position === this.#lineStart) {
          this.complete = true
          return this.#lines === 0 ? this.#bad('an empty head') : position + 2
        }
        if (!this.#line(bytes, this.#lineStart, position)) return -1
        position += 2
        this.#lineStart = position
        this.#colon = -1
      } else if (this.#lines === 0 && position === this.#lineStart && byte !== CAPITAL_H) {
        return this.#bad('something that is not HTTP/1.1')
      } else if (this.#colon >= 0 || this.#lines === 0) {
        do {
          if (TEXT[bytes[position] as number] === 0) return this.#bad('a control character in the head')
          position += 1
        } while (position < length && bytes[position] !== CR)
      } else {
        position = this.#name(bytes, position, length)
        if (position < 0) return -1
      }
    }
    this.#position = position
    return 0
  }

  #name(bytes: Buffer, from: number, length: number): number {
    let position = from
    while (position < length && TOKEN[bytes[position] as number] === 1) position += 1
    if (position === length) return position
    if (bytes[position] !== COLON || position === this.#lineStart) return this.#bad('a malformed header line')
    this.#colon = position
    return position + 1
  }

  #line(bytes: Buffer, start: number, end: number): boolean {
    this.#lines += 1
    if (this.#lines === 1) return this.#statusLine(bytes, start, end)
    if (this.#lines > MAX_HEADERS + 1) return this.#refuse('more than 256 header lines')
    const colon = this.#colon
    if (colon < 0) return this.#refuse('a malformed header line')
    switch (colon - start) {
      case 14: return !isName(bytes, start, CONTENT_LENGTH) || this.#contentLengthLine(bytes, colon + 1, end)
      case 16: {
        if (isName(bytes, start, CONTENT_ENCODING) && isCoding(value(bytes, colon, end))) this.coded = true
        return true
      }
      case 17: return !isName(bytes, start, TRANSFER_ENCODING) || this.#transferEncodingLine(value(bytes, colon, end))
      case 10: {
        if (isName(bytes, start, CONNECTION)) this.#connectionLine(value(bytes, colon, end))
        else if (isName(bytes, start, KEEP_ALIVE)) this.#keepAliveLine(value(bytes, colon, end))
        return true
      }
      case 28: return this.#quotaLine(bytes, start, REMAINING_TOKENS)
      case 30: return this.#quotaLine(bytes, start, REMAINING_REQUESTS)
      case 38: return this.#quotaLine(bytes, start, ANTHROPIC_REMAINING)
      default: return true
    }
  }

  /** `HTTP/1.x SP 3DIGIT [SP reason]`; the blank after the status may be missing, as many servers leave it out. */
  #statusLine(bytes: Buffer, start: number, end: number): boolean {
    const minor = digit(bytes, start + 7)
    const hundreds = digit(bytes, start + 9), tens = digit(bytes, start + 10), ones = digit(bytes, start + 11)
    const after = end - start === 12 ? SPACE : bytes[start + 12]
    if (end - start < 12 || !begins(bytes, start, VERSION) || minor < 0 || minor > 1 || bytes[start + 8] !== SPACE || hundreds < 1 || tens < 0 || ones < 0 || after !== SPACE) return this.#refuse('a malformed status line')
    this.minor = minor
    this.status = hundreds * 100 + tens * 10 + ones
    this.persistent = minor === 1
    return true
  }

  #contentLengthLine(bytes: Buffer, from: number, to: number): boolean {
    if (this.contentLength >= 0) return this.#refuse('more than one content-length')
    let start = from
    let end = to
    while (start < end && isBlank(bytes[start])) start += 1
    while (end > start && isBlank(bytes[end - 1])) end -= 1
    let length = 0
    for (let at = start; at < end; at += 1) {
      const next = digit(bytes, at)
      if (next < 0) return this.#refuse('a malformed content-length')
      length = length * 10 + next
    }
    if (end === start || end - start > LENGTH_DIGITS) return this.#refuse('a malformed content-length')
    this.contentLength = length
    return true
  }

  #transferEncodingLine(text: string): boolean {
    if (this.chunked || text.toLowerCase() !== 'chunked') return this.#refuse('a transfer-encoding other than chunked')
    this.chunked = true
    return true
  }

  #connectionLine(text: string): void {
    if (/(^|[\s,])close($|[\s,])/i.test(text)) this.persistent = false
  }

  #keepAliveLine(text: string): void {
    const seconds = /(?:^|[\s,])timeout=(\d{1,6})/i.exec(text)?.[1]
    if (seconds !== undefined) this.keepAliveMs = Number(seconds) * 1000
  }

  #quotaLine(bytes: Buffer, start: number, name: Buffer): true {
    if (isName(bytes, start, name)) this.tellsQuota = true
    return true
  }

  #refuse(problem: string): false {
    this.problem = problem
    return false
  }

  #bad(problem: string): number {
    this.problem = problem
    return -1
  }
}

/** `identity` is no coding, whatever RFC 9110 8.4.1 says of naming it. */
export const isCoding = (contentEncoding: string): boolean => contentEncoding !== '' && contentEncoding.toLowerCase() !== 'identity'

const value = (bytes: Buffer, colon: number, end: number): string => bytes.toString('latin1', colon + 1, end).trim()

function begins(bytes: Buffer, start: number, text: Buffer): boolean {
  for (let index = 0; index < text.length; index += 1) if (bytes[start + index] !== text[index]) return false
  return true
}

const isBlank = (byte: number | undefined): boolean => byte === SPACE || byte === TAB

/** -1 = none. */
function digit(bytes: Buffer, at: number): number {
  const value = (bytes[at] as number) - 0x30
  return value >= 0 && value <= 9 ? value : -1
}

/** Compares a header name, letters without regard to case. Only token bytes reach this, so `| 0x20` folds nothing but letters that matter. */
function isName(bytes: Buffer, start: number, lower: Buffer): boolean {
  for (let index = 0; index < lower.length; index += 1) {
    if (((bytes[start + index] as number) | 0x20) !== lower[index]) return false
  }
  return true
}
