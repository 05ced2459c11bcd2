/** The bytes are no fast-path request, or not surely one: `node:http` decides. */
export const ODD = 0
/** Clean so far, but the head is not all there. */
export const INCOMPLETE = 1
export const COMPLETE = 2
export type ScanState = typeof ODD | typeof INCOMPLETE | typeof COMPLETE

/** More header lines than this go to `node:http`. */
const MAX_LINES = 64
/** Per header line: where its name starts and ends, where its trimmed value starts and ends. */
export const FIELDS_PER_LINE = 4

const TOKEN = 1
const VALUE = 2
const TARGET = 4
const DIGIT = 8
/** What each byte may be part of: RFC 9110 token and field value, RFC 9112 origin-form target. */
const CLASS = classes()

function classes(): Uint8Array {
  const table = new Uint8Array(256)
  for (let byte = 0x20; byte < 0x100; byte++) if (byte !== 0x7f) table[byte]! |= VALUE
  table[0x09]! |= VALUE
  // Unreserved, sub-delims and the like of RFC 3986; the odder printable bytes are left to node:http.
  for (const char of "!$%&'()*+,-./:;=?@_~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") table[char.charCodeAt(0)]! |= TARGET
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") table[char.charCodeAt(0)]! |= TOKEN
  for (let byte = 0x30; byte <= 0x39; byte++) table[byte]! |= DIGIT
  return table
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, char => char.charCodeAt(0))
const POST = bytesOf('POST /')
const VERSION = bytesOf(' HTTP/1.1\r\n')
const HOST = bytesOf('host')
const CONTENT_LENGTH = bytesOf('content-length')
const CONNECTION = bytesOf('connection')
const KEEP_ALIVE = bytesOf('keep-alive')
const CLOSE = bytesOf('close')
/** Headers whose mere presence makes a request odd: framing and connection switches of every kind, and a coded body. */
const ODD_HEADERS: readonly Uint8Array[] = ['transfer-encoding', 'expect', 'upgrade', 'proxy-connection', 'trailer', 'content-encoding'].map(bytesOf)
/** Bit n = some odd header has a name of n bytes. */
const ODD_LENGTHS = ODD_HEADERS.reduce((bits, name) => bits | (1 << name.length), 0)

/**
 * Reads the head of the one request shape that the fast path takes: `POST`, origin-form, `HTTP/1.1`, CRLF only, exactly one Host and one
 * Content-Length, no header name twice, nothing that switches framing or protocol. One pass over the bytes, no text made.
 * It never interprets anything else: it says ODD, and the bytes go to `node:http`. One instance per edge, results valid until the next scan.
 */
export class HeadScan {
  /** End of the path, and of the whole target with its query; the target starts at `TARGET_START`. */
  pathEnd = 0
  targetEnd = 0
  /** Length of the head, final CRLF included. */
  headEnd = 0
  contentLength = 0
  /** The client asks to close after the answer. */
  close = false
  hostStart = 0
  hostEnd = 0
  lines: number[] = []
  /** `nameBit` of every header that is there. */
  names = 0

  scan(bytes: Uint8Array): ScanState {
    const afterLine = this.#scanRequestLine(bytes)
    return afterLine <= INCOMPLETE ? afterLine as ScanState : this.#scanLines(bytes, afterLine)
  }

  /** ODD, INCOMPLETE, or the offset after the request line (always larger). */
  #scanRequestLine(bytes: Uint8Array): number {
    const size = bytes.length
    for (let at = 0; at < POST.length; at++) {
      if (at === size) return INCOMPLETE
      if (bytes[at] !== POST[at]) return ODD
    }
    let at = POST.length
    let pathEnd = 0
    while (at < size && (CLASS[bytes[at]!]! & TARGET) !== 0) {
      if (bytes[at] === 0x3f && pathEnd === 0) pathEnd = at
      at++
    }
    this.targetEnd = at
    this.pathEnd = pathEnd === 0 ? at : pathEnd
    for (let index = 0; index < VERSION.length; index++, at++) {
      if (at >= size) return INCOMPLETE
      if (bytes[at] !== VERSION[index]) return ODD
    }
    return at
  }

  #scanLines(bytes: Uint8Array, at: number): ScanState {
    const size = bytes.length
    const lines: number[] = this.lines = []
    let lengths = 0
    let names = 0
    this.contentLength = -1
    this.close = false
    this.hostEnd = 0
    for (let count = 0; count <= MAX_LINES; count++) {
      if (at >= size) return INCOMPLETE
      if (bytes[at] === 0x0d) {
        if (at + 1 >= size) return INCOMPLETE
        this.headEnd = at + 2
        this.names = names
        return bytes[at + 1] === 0x0a && this.contentLength >= 0 && this.hostEnd > 0 ? COMPLETE : ODD
      }
      const start = at
      while (at < size && (CLASS[bytes[at]!]! & TOKEN) !== 0) at++
      if (at >= size) return INCOMPLETE
      const nameEnd = at
      if (nameEnd === start || bytes[at] !== 0x3a) return ODD
      at++
      while (at < size && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++
      const valueStart = at
      while (at < size && (CLASS[bytes[at]!]! & VALUE) !== 0) at++
      if (at >= size) return INCOMPLETE
      if (bytes[at] !== 0x0d) return ODD
      if (at + 1 >= size) return INCOMPLETE
      if (bytes[at + 1] !== 0x0a) return ODD
      let valueEnd = at
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === 0x20 || bytes[valueEnd - 1] === 0x09)) valueEnd--
      at += 2
      const bit = 1 << ((nameEnd - start) & 31)
      if ((lengths & bit) !== 0 && isRepeated(bytes, lines, start, nameEnd)) return ODD
      lengths |= bit
      names |= nameBit(nameEnd - start, bytes[start]!)
      lines.push(start, nameEnd, valueStart, valueEnd)
      if (!this.#note(bytes, start, nameEnd, valueStart, valueEnd)) return ODD
    }
    return ODD
  }

  /** Looks at the few headers that matter for framing. False = odd. */
  #note(bytes: Uint8Array, start: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    const length = nameEnd - start
    switch (length) {
      case 4:
        if (equals(bytes, start, nameEnd, HOST)) {
          this.hostStart = valueStart
          this.hostEnd = valueEnd
        }
        return true
      case 10:
        if (!equals(bytes, start, nameEnd, CONNECTION)) return true
        this.close = equals(bytes, valueStart, valueEnd, CLOSE)
        return this.close || equals(bytes, valueStart, valueEnd, KEEP_ALIVE)
      case 14:
        if (!equals(bytes, start, nameEnd, CONTENT_LENGTH)) return true
        this.contentLength = readDecimal(bytes, valueStart, valueEnd)
        return this.contentLength >= 0
      default:
        if (length > 30 || (ODD_LENGTHS & (1 << length)) === 0) return true
        for (const name of ODD_HEADERS) if (equals(bytes, start, nameEnd, name)) return false
        return true
    }
  }
}

/** One of 32 bits for a header's name, by its length and first letter, of either case: without the bit there is no such header. Most that are asked for are not there. */
export const nameBit = (length: number, first: number): number => 1 << ((length * 5 + (first | 0x20)) & 31)

/** The target begins after `POST `. */
export const TARGET_START = POST.length - 1

/** A name twice means joining or refusing: not our business. Rarely called: only if an earlier name was as long. */
function isRepeated(bytes: Uint8Array, lines: readonly number[], start: number, end: number): boolean {
  const length = end - start
  for (let line = 0; line < lines.length; line += FIELDS_PER_LINE) {
    const other = lines[line]!
    if (lines[line + 1]! - other !== length) continue
    let index = 0
    while (index < length && lower(bytes[start + index]!) === lower(bytes[other + index]!)) index++
    if (index === length) return true
  }
  return false
}

const lower = (byte: number): number => byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte

function equals(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  if (end - start !== name.length) return false
  for (let index = 0; index < name.length; index++) if (lower(bytes[start + index]!) !== name[index]) return false
  return true
}

/** -1 = not plain digits, or more of them than a length can have. */
function readDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 15) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    if ((CLASS[bytes[at]!]! & DIGIT) === 0) return -1
    value = value * 10 + bytes[at]! - 0x30
  }
  return value
}
