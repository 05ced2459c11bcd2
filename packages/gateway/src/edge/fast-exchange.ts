import type { ClientListener, ClientSink, RequestHead } from '@headrace/contract'
import { corsLines } from './cors.ts'
import type { FastConnection } from './fast-connection.ts'
import { FIELDS_PER_LINE, nameBit, type HeadScan } from './head-scan.ts'
import { isHeaderBlock, statusLine } from './header-text.ts'

/** Streamed text waits for what follows it, but never more than this many bytes. */
const GATHER_LIMIT = 65_536

/**
 *   WAITING --respond--> DONE
 *      +--begin--> BEGUN --write--> STREAMING --end, abort--> DONE
 *   any --client gone--> DONE
 */
const WAITING = 0
const BEGUN = 1
const STREAMING = 2
const DONE = 3

/**
 * One request on the fast path and the way back for its answer. A new object per request, so that a late call of a journey that
 * is over cannot reach the next request's answer.
 */
export class FastExchange implements RequestHead, ClientSink {
  readonly method = 'POST'
  readonly path: string
  readonly query: string
  listener: ClientListener | null = null
  closed = false
  readonly #connection: FastConnection
  readonly #head: string
  readonly #lines: readonly number[]
  readonly #names: number
  #state = WAITING
  /** Framed text not yet handed to the socket: the head, and what more follows. */
  #out = ''
  #full = false

  /** `head` is the whole head as latin1, as `scan` has just read it. */
  constructor(connection: FastConnection, head: string, path: string, { pathEnd, targetEnd, lines, names }: HeadScan) {
    this.#connection = connection
    this.path = path
    this.query = pathEnd === targetEnd ? '' : head.slice(pathEnd + 1, targetEnd)
    this.#head = head
    this.#lines = lines
    this.#names = names
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  header(name: string): string | undefined {
    if ((this.#names & nameBit(name.length, name.charCodeAt(0))) === 0) return undefined
    const lines = this.#lines
    for (let line = 0; line < lines.length; line += FIELDS_PER_LINE) {
      const start = lines[line]!
      const end = lines[line + 1]!
      if (end - start === name.length && this.#isNamed(start, name)) return this.#head.slice(lines[line + 2], lines[line + 3])
    }
    return undefined
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    if (this.#state !== WAITING) return
    if (!isHeaderBlock(headers)) return this.#failHead()
    this.#state = DONE
    const text = typeof body === 'string' ? body : body.latin1Slice()
    const length = status === 204 || status === 304 ? '' : `content-length: ${text.length}\r\n`
    this.#connection.finish(`${this.#renderHead(status, headers)}${length}\r\n${text}`)
  }

  begin(status: number, headers: string): void {
    if (this.#state !== WAITING) return
    if (!isHeaderBlock(headers)) return this.#failHead()
    this.#state = BEGUN
    this.#out = `${this.#renderHead(status, headers)}transfer-encoding: chunked\r\n\r\n`
  }

  /** What `more` follows waits for it: a system call is half of what a chunk costs. */
  write(chunk: Buffer | string, more = false): boolean {
    if (this.#state !== BEGUN && this.#state !== STREAMING) return !this.closed
    const text = typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    if (text.length > 0) {
      this.#state = STREAMING
      this.#out += `${text.length.toString(16)}\r\n${text}\r\n`
      if (!more || this.#out.length >= GATHER_LIMIT) this.#flush()
    }
    return !this.#full
  }

  end(): void {
    if (this.#state !== BEGUN && this.#state !== STREAMING) return
    this.#state = DONE
    const out = this.#out + '0\r\n\r\n'
    this.#out = ''
    this.#connection.finish(out)
  }

  abort(): void {
    if (this.#state === DONE) return
    this.#state = DONE
    const out = this.#out
    this.#out = ''
    this.#connection.breakOff(out)
  }

  /** The socket took everything. */
  drained(): void {
    if (!this.#full) return
    this.#full = false
    if (this.#state !== DONE) this.listener?.onDrain()
  }

  /** The client left before the answer was complete. */
  gone(): void {
    if (this.closed) return
    this.closed = true
    this.#state = DONE
    this.#out = ''
    this.listener?.onClose()
  }

  /** The grace period is over. */
  shutdown(): void {
    if (this.#state !== DONE) this.listener?.onShutdown()
  }

  #flush(): void {
    const out = this.#out
    this.#out = ''
    if (!this.#connection.send(out)) this.#full = true
  }

  #renderHead(status: number, headers: string): string {
    const door = this.#connection.door
    const cors = door.cors === null ? '' : corsLines(door.cors, this)
    return `${statusLine(status)}${headers}${cors}${door.dateLine}${this.#connection.connectionLine()}`
  }

  /** A caller's bug: header text with a bare CR, LF or NUL in it. Never sent. */
  #failHead(): void {
    this.#state = DONE
    this.#connection.failInternally(this)
  }

  /** `name` is lower-case. */
  #isNamed(start: number, name: string): boolean {
    for (let index = 0; index < name.length; index++) {
      const code = this.#head.charCodeAt(start + index)
      if (code !== name.charCodeAt(index) && (code < 0x41 || code > 0x5a || (code | 0x20) !== name.charCodeAt(index))) return false
    }
    return true
  }
}
