import { ChunkDecoder } from './chunk-decoder.ts'
import { HeadReader } from './head-reader.ts'
import { HeadText } from './response-head.ts'

/** What a `feed` brought, as bits. */
export const HEAD = 1
export const BODY = 2
export const END = 4
export const BAD = 8

/** Interim (1xx) answers skipped before one answer. */
export const MAX_INTERIM = 10

/** How the end of the body is known (RFC 9112 section 6.3). */
type Framing = 'none' | 'length' | 'chunked' | 'close'

/**
 * Reads one HTTP/1.1 answer after another from bytes cut anywhere. Pure: bytes in, flags and offsets out; no callbacks, so nobody can
 * change the world in mid-parse. Strict (RFC 9112): whatever is not plainly one answer is BAD, and the connection is to be closed.
 */
export class ResponseParser {
  status = 0
  head: HeadText | null = null
  /** The body bytes of the last feed: [bodyStart, bodyEnd) of the buffer that was fed. Valid with BODY. */
  bodyStart = 0
  bodyEnd = 0
  /** Our words for what is wrong. Valid with BAD. */
  problem = ''
  readonly #headReader = new HeadReader()
  readonly #chunks = new ChunkDecoder()
  #inHead = true
  #framing: Framing = 'none'
  #remaining = 0
  #interim = 0

  /** Readies the parser for the next answer on the same connection. */
  reset(): void {
    this.status = 0
    this.head = null
    this.#headReader.reset()
    this.#inHead = true
    this.#framing = 'none'
    this.#interim = 0
  }

  /** The connection may carry another request after this answer. */
  get reusable(): boolean {
    return this.#framing !== 'close' && this.#headReader.persistent
  }

  /** The body is compressed, or coded in some other way. */
  get coded(): boolean {
    return this.#headReader.coded
  }

  /** The peer's `Keep-Alive: timeout=`, ms; -1 = it did not say. */
  get keepAliveMs(): number {
    return this.#headReader.keepAliveMs
  }

  /** Takes the first `length` bytes of `buffer`; chunked bodies are joined in place. Returns bits of HEAD, BODY, END, or BAD alone. */
  feed(buffer: Buffer, length: number): number {
    let position = 0
    let flags = 0
    if (this.#inHead) {
      position = this.#feedHead(buffer, length)
      if (position < 0) return BAD
      if (this.#inHead) return 0
      flags = HEAD
    }
    const body = this.#feedBody(buffer, position, length)
    return body === BAD ? BAD : flags | body
  }

  /** The peer said that nothing more will come: is the answer `complete`, cut in the `body`, or was there not even a `head`? */
  finish(): 'complete' | 'body' | 'head' {
    if (this.#inHead) return 'head'
    return this.#framing === 'close' ? 'complete' : 'body'
  }

  /** Reads heads until one that is final. Returns the position after it, the length if more bytes are needed, -1 if bad. */
  #feedHead(buffer: Buffer, length: number): number {
    const reader = this.#headReader
    let position = 0
    while (position < length) {
      position = reader.feed(buffer, position, length)
      if (position < 0) return this.#bad(reader.problem)
      if (!reader.complete) return position
      if (reader.status >= 200) return this.#frame(position)
      if (reader.status === 101) return this.#bad('an upgrade nobody asked for')
      this.#interim += 1
      if (this.#interim > MAX_INTERIM) return this.#bad('too many interim answers')
      reader.next()
    }
    return position
  }

  #frame(position: number): number {
    const reader = this.#headReader
    this.#inHead = false
    this.status = reader.status
    this.head = new HeadText(reader.text, reader.tellsQuota)
    if (reader.chunked) {
      if (reader.contentLength >= 0) return this.#bad('both content-length and transfer-encoding')
      if (reader.minor === 0) return this.#bad('transfer-encoding in HTTP/1.0')
      this.#chunks.reset()
    }
    if (reader.status === 204 || reader.status === 304) this.#framing = 'none'
    else if (reader.chunked) this.#framing = 'chunked'
    else if (reader.contentLength < 0) this.#framing = 'close'
    else this.#framing = 'length'
    this.#remaining = reader.contentLength
    return position
  }

  #feedBody(buffer: Buffer, position: number, length: number): number {
    this.bodyStart = position
    this.bodyEnd = length
    switch (this.#framing) {
      case 'close': return position < length ? BODY : 0
      case 'none': return position < length ? this.#surplus() : END
      case 'length': return this.#feedLength(position, length)
      case 'chunked': return this.#feedChunks(buffer, position, length)
    }
  }

  #feedLength(position: number, length: number): number {
    const available = length - position
    if (available > this.#remaining) return this.#surplus()
    this.#remaining -= available
    return (available > 0 ? BODY : 0) | (this.#remaining === 0 ? END : 0)
  }

  #feedChunks(buffer: Buffer, position: number, length: number): number {
    const chunks = this.#chunks
    const end = chunks.feed(buffer, position, length)
    if (end < 0) {
      this.problem = chunks.problem
      return BAD
    }
    if (end < length) return this.#surplus()
    this.bodyStart = chunks.start
    this.bodyEnd = chunks.end
    return (chunks.end > chunks.start ? BODY : 0) | (chunks.complete ? END : 0)
  }

  #surplus(): number {
    this.problem = 'bytes beyond the end of the answer'
    return BAD
  }

  #bad(problem: string): number {
    this.problem = problem
    return -1
  }
}
