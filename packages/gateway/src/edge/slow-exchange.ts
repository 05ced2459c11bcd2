import type { ServerResponse } from 'node:http'
import type { ClientListener, ClientSink, RequestHead } from '@headrace/contract'
import { corsLines } from './cors.ts'
import { headerList, isHeaderBlock, statusLine } from './header-text.ts'
import type { SlowConnection } from './slow-connection.ts'
import type { SlowRequest } from './slow-request.ts'
import type { Target } from './slow-rules.ts'

/** One request that `node:http` parsed, and the way back for its answer. */
export class SlowExchange implements RequestHead, ClientSink {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly request: SlowRequest
  readonly response: ServerResponse
  listener: ClientListener | null = null
  closed = false
  readonly #connection: SlowConnection
  #done = false
  #begun = false
  #full = false

  constructor(connection: SlowConnection, request: SlowRequest, response: ServerResponse, target: Target) {
    this.#connection = connection
    this.request = request
    this.response = response
    this.method = request.method ?? ''
    this.path = target.path
    this.query = target.query
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return typeof value === 'string' ? value : Array.isArray(value) ? value.join(', ') : undefined
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    if (this.#done || this.#begun) return
    this.#done = true
    if (!isHeaderBlock(headers)) return this.#connection.failInternally(this)
    const text = typeof body === 'string' ? body : body.latin1Slice()
    const bodiless = status === 204 || status === 304
    const length = bodiless ? '' : `content-length: ${text.length}\r\n`
    this.#connection.finish(this, `${statusLine(status)}${headers}${this.#corsLines()}${this.#connection.door.dateLine}${this.#persistence()}${length}\r\n${bodiless || this.method === 'HEAD' ? '' : text}`)
  }

  begin(status: number, headers: string): void {
    if (this.#done || this.#begun) return
    this.#begun = this.#writeHead(status, headers)
  }

  write(chunk: Buffer | string): boolean {
    if (this.#done || !this.#begun) return !this.closed
    const text = typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    if (text.length === 0) return !this.#full
    if (!this.response.write(text, 'latin1') && !this.#full) {
      this.#full = true
      this.#connection.watchStall()
      this.response.once('drain', this.#onDrain)
    }
    return !this.#full
  }

  end(): void {
    if (this.#done || !this.#begun) return
    this.#done = true
    this.#connection.ending()
    this.response.end()
    this.#watch()
  }

  abort(): void {
    if (this.#done) return
    this.#done = true
    this.#connection.breakOff(this.request.httpVersionMinor === 0)
  }

  /** The client left before the answer was complete. */
  gone(): void {
    if (this.closed) return
    this.closed = true
    if (this.#done) return
    this.#done = true
    this.listener?.onClose()
  }

  /** The grace period is over. */
  shutdown(): void {
    if (!this.#done) this.listener?.onShutdown()
  }

  readonly #onDrain = (): void => {
    this.#full = false
    this.#connection.unwatchStall()
    if (!this.#done) this.listener?.onDrain()
  }

  #watch(): void {
    if (this.#connection.isBackedUp) this.#connection.watchStall()
  }

  /** False = the header text is not safe to send: a caller's bug, answered with 500. */
  #writeHead(status: number, headers: string): boolean {
    if (!isHeaderBlock(headers)) {
      this.#done = true
      this.#connection.failInternally(this)
      return false
    }
    this.response.writeHead(status, headerList(headers + this.#corsLines() + this.#connection.connectionLine(this)))
    return true
  }

  #corsLines(): string {
    const cors = this.#connection.door.cors
    return cors === null ? '' : corsLines(cors, this)
  }

  /** What is the rule in HTTP/1.1 has to be said in HTTP/1.0 (RFC 9112 9.3). */
  #persistence(): string {
    const line = this.#connection.connectionLine(this)
    return line === '' && this.request.httpVersionMinor === 0 ? 'connection: keep-alive\r\n' : line
  }
}
