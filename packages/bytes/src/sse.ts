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
  #data: string[] = []
  #id = ''

  constructor(onEvent: (event: SseEvent) => void, limit: number = DEFAULT_LIMIT) {
    this.#onEvent = onEvent
    this.#limit = limit
  }

  /** The chunk may be reused after the call. */
  push(chunk: Buffer): void {
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
      this.#data = []
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
    if (name === 'data') this.#data.push(value)
    else if (name === 'event') this.#event = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (line.startsWith('{') || line.startsWith('<')) this.foreign = true
  }

  #dispatch(): void {
    this.#size = 0
    const event = this.#event === '' ? 'message' : this.#event
    this.#event = ''
    if (this.#data.length === 0) return
    const data = this.#data.join('\n')
    this.#data = []
    this.#onEvent({ event, data, id: this.#id })
  }
}
