/** One server-sent event (WHATWG HTML, section 9.2.6). `event` is 'message' unless the stream named another. */
export interface SseEvent { readonly event: string, readonly data: string, readonly id: string }

const LF = 0x0a, CR = 0x0d
const DEFAULT_LIMIT = 1_048_576
const BOM = '\ufeff'

/**
 * Decodes a stream of server-sent events from bytes cut anywhere. LF, CRLF and CR in any mixture; a byte order mark, comments and unknown fields
 * are dropped; an event that is not ended by an empty line is discarded. Events without data are not reported.
 * An event larger than `limit` bytes sets `failed`, and nothing more is reported: memory stays bounded.
 */
export class SseDecoder {
  readonly #onEvent: (event: SseEvent) => void
  readonly #limit: number
  failed = false
  /** A line began like JSON or a web page: something that is no event stream stands in it. */
  foreign = false
  #line: Buffer[] = []
  #size = 0
  #afterCr = false
  #firstLine = true
  #event = ''
  #data = ''
  #hasData = false
  #id = ''

  constructor(onEvent: (event: SseEvent) => void, limit: number = DEFAULT_LIMIT) {
    this.#onEvent = onEvent
    this.#limit = limit
  }

  /** The chunk may be reused after the call. */
  push(chunk: Buffer): void {
    if (this.failed) return
    if (this.#line.length === 0 && !this.#afterCr && this.#size + chunk.length <= this.#limit && !chunk.includes(CR)) this.#pushLines(chunk)
    else this.#pushBytes(chunk)
  }

  /** The usual chunk: it begins with a line, lines end in LF, and it is too short for an event that is too large. Read as text, and not byte by byte. */
  #pushLines(chunk: Buffer): void {
    const end = chunk.lastIndexOf(LF) + 1
    if (end > 0) this.#readLines(chunk.utf8Slice(0, end))
    if (end === chunk.length) return
    this.#size += chunk.length - end
    this.#line.push(Buffer.from(chunk.subarray(end)))
  }

  #readLines(text: string): void {
    let at = this.#firstLine && text.startsWith(BOM) ? 1 : 0
    let since = at
    this.#firstLine = false
    while (at < text.length) {
      const end = text.indexOf('\n', at)
      if (end === at) {
        this.#dispatch()
        since = end + 1
      } else if (text.startsWith('data: ', at)) this.#addData(text.slice(at + 6, end))
      else if (text.startsWith('event: ', at)) this.#event = text.slice(at + 7, end)
      else this.#field(text.slice(at, end))
      at = end + 1
    }
    if (since < text.length) this.#size += Buffer.byteLength(text.slice(since))
  }

  #pushBytes(chunk: Buffer): void {
    let start = 0
    for (let at = 0; at < chunk.length && !this.failed; at++) {
      const byte = chunk[at]
      const belongsToCr = this.#afterCr && byte === LF
      this.#afterCr = byte === CR
      if (belongsToCr) start = at + 1
      if (belongsToCr || (byte !== LF && byte !== CR)) continue
      this.#endLine(chunk.subarray(start, at))
      start = at + 1
    }
    if (start < chunk.length && this.#grow(chunk.length - start)) this.#line.push(Buffer.from(chunk.subarray(start)))
  }

  #grow(bytes: number): boolean {
    this.#size += bytes
    if (this.#size > this.#limit) {
      this.failed = true
      this.#line = []
      this.#data = ''
    }
    return !this.failed
  }

  #endLine(last: Buffer): void {
    if (!this.#grow(last.length + 1)) return
    // Decoded line by line: a line end is ASCII, so no character is ever cut.
    let line = this.#line.length === 0 ? last.utf8Slice(0, last.length) : Buffer.concat([...this.#line, last]).toString('utf8')
    this.#line = []
    if (this.#firstLine && line.startsWith(BOM)) line = line.slice(1)
    this.#firstLine = false
    if (line === '') this.#dispatch()
    else this.#field(line)
  }

  #field(line: string): void {
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1)
    if (name === 'data') this.#addData(value)
    else if (name === 'event') this.#event = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (line.startsWith('{') || line.startsWith('<')) this.foreign = true
  }

  #addData(value: string): void {
    this.#data = this.#hasData ? `${this.#data}\n${value}` : value
    this.#hasData = true
  }

  #dispatch(): void {
    this.#size = 0
    const event = this.#event === '' ? 'message' : this.#event
    this.#event = ''
    if (!this.#hasData) return
    const data = this.#data
    this.#data = ''
    this.#hasData = false
    this.#onEvent({ event, data, id: this.#id })
  }
}
