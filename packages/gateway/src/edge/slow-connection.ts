import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { ERROR_POLICY } from '@headrace/contract'
import { isControlPath, relayToControl } from './control-relay.ts'
import { preflightLines } from './cors.ts'
import { bodyTooLarge, refusal, renderRefusal, shuttingDown, type Connection, type Door, type Refusal } from './door.ts'
import { LINGER_BYTES, LINGER_MS } from './linger.ts'
import { SlowExchange } from './slow-exchange.ts'
import type { BodyReceiver, SlowRequest } from './slow-request.ts'
import { parserRefusal, readTarget, refuseHead } from './slow-rules.ts'

/** A request whose turn has not come, or one that is refused when it comes. */
interface Waiting {
  readonly request: SlowRequest
  readonly response: ServerResponse
  readonly refused: Refusal | null
  readonly expectsContinue: boolean
}

/**
 *   IDLE --bytes--> HEAD --parsed--> BODY --complete--> BUSY --answered--> IDLE, or the next of the queue
 *   any --refused, fault--> CLOSING
 */
const IDLE = 0
const HEAD = 1
const BODY = 2
const BUSY = 3
const CLOSING = 4

const NOTHING = Buffer.alloc(0)

/** A connection that `node:http` parses. Requests are answered one at a time; what Node is too lenient about is refused here. */
export class SlowConnection implements Connection, BodyReceiver {
  readonly door: Door
  readonly #socket: Socket
  #phase: number
  #since: number
  #deadline: number
  #served: number
  #current: SlowExchange | null = null
  readonly #queue: Waiting[] = []
  /** The parser gave up after the requests that came before. */
  #fault: Refusal | null = null
  /** The bytes in which the current head arrived: the request line is compared with what the parser made of it. */
  #recent: Buffer = NOTHING
  /** The read before: after a pipelined request it may hold the head's beginning. */
  #previous: Buffer = NOTHING
  #chunks: Buffer[] = []
  #size = 0
  #discarded = 0
  #closeAfter = false
  #watching = false
  /** As on the fast path. */
  #drainBy = Infinity

  /** `since`: when the first bytes of the request under way came; 0 = none did. */
  constructor(door: Door, socket: Socket, served: number, since: number) {
    this.door = door
    this.#socket = socket
    this.#served = served
    this.#since = since
    this.#phase = since === 0 ? IDLE : HEAD
    this.#deadline = since === 0 ? door.deadline(door.limits.headMs) : since + door.limits.headMs
    door.connections.add(this)
  }

  /** To be called after `node:http` took the socket: our listener must hear of bytes before the parser does. */
  attach(): void {
    this.#socket.prependListener('data', this.#onBytes)
    this.#socket.prependListener('end', this.#onEnd)
    this.#socket.on('close', this.#onClose)
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? ''
  }

  get isBackedUp(): boolean {
    return this.#socket.writableNeedDrain || this.#socket.writableLength > 0
  }

  /** Called in the parser's turn, with the head complete. */
  onRequest(request: SlowRequest, response: ServerResponse, expectsContinue: boolean, refusedBefore: Refusal | null): void {
    if (this.#phase === CLOSING || this.#fault !== null) return
    const refused = refusedBefore ?? this.#refuseLine(request) ?? refuseHead(request)
    const waiting: Waiting = { request, response, refused, expectsContinue }
    if (this.#current === null && this.#queue.length === 0) return this.#start(waiting, true)
    this.#queue.push(waiting)
    this.#socket.pause()
  }

  onFault(code: string | undefined): void {
    if (this.#phase === CLOSING || this.#fault !== null) return
    const refused = parserRefusal(code, this.door.limits.headBytes)
    if (refused === null) return this.destroy()
    // Requests before the broken bytes still get their answers; a request whose own body broke gets this one.
    if (this.#queue.length === 0 && this.#current?.request.complete !== true) return this.refuse(refused, this.#current)
    this.#fault = refused
  }

  connectionLine(exchange: SlowExchange): string {
    const request = exchange.request
    if (this.door.announcing || this.#served >= this.door.limits.requestsPerConnection || request.headers.upgrade !== undefined) this.#closeAfter = true
    return this.#closeAfter ? 'connection: close\r\n' : ''
  }

  /** Answers with an error and ends the connection, past `node:http`: it is told no more. */
  refuse(refused: Refusal, exchange: SlowExchange | null): void {
    if (this.#phase === CLOSING) return
    // A relayed answer may have begun before the request's end: an error text inside it would be part of it.
    if (this.#current?.response.headersSent === true) return this.destroy()
    const text = renderRefusal(this.door, refused, exchange)
    this.#current = null
    this.#close(text)
  }

  failInternally(exchange: SlowExchange): void {
    this.refuse(refusal('internal', 'The answer could not be rendered safely.'), exchange)
  }

  breakOff(reset: boolean): void {
    this.#current = null
    // HTTP/1.0 ends an answer by closing: only a reset says that this one is not complete.
    if (reset) this.#socket.resetAndDestroy()
    // Node holds what was written in this turn until the turn's end.
    else process.nextTick(this.#closeNow)
  }

  readonly #closeNow = (): void => {
    if (this.#phase !== CLOSING) this.#close('')
  }

  /**
   * Sends a whole answer past `node:http`, whose own way of rendering it costs four times as much, and tells it that this one is over:
   * `finish` is what it waits for before the next.
   */
  finish(exchange: SlowExchange, text: string): void {
    if (this.#current !== exchange || this.#phase === CLOSING) return
    if (this.#closeAfter || this.door.draining) {
      this.#current = null
      return this.#close(text)
    }
    if (this.#socket.write(text, 'latin1')) return this.#finished()
    this.watchStall()
    this.#socket.once('drain', this.#finished)
  }

  readonly #finished = (): void => {
    if (this.#phase === CLOSING) return
    this.#current?.response.emit('finish')
    this.#onFinish()
  }

  /** The last bytes of an answer are on their way. */
  ending(): void {
    this.#current?.response.once('finish', this.#onFinish)
  }

  watchStall(): void {
    this.#watching = true
    this.#socket.setTimeout(this.door.limits.stallMs)
    if (this.#drainBy === Infinity) this.#drainBy = this.door.drainBy(this.#socket.writableLength)
  }

  unwatchStall(): void {
    if (this.#phase === CLOSING || !this.#watching) return
    this.#watching = false
    this.#drainBy = Infinity
    this.#socket.setTimeout(0)
  }

  sweep(): void {
    if (this.door.now >= this.#drainBy) return this.destroy()
    if (this.door.now < this.#deadline) return
    const limits = this.door.limits
    if (this.#phase === IDLE) this.#close('')
    else if (this.#phase === HEAD) this.refuse(refusal('client-timeout', `The request head did not arrive within ${limits.headMs} ms.`), null)
    else if (this.#phase === BODY) this.refuse(refusal('client-timeout', `The request did not arrive within ${limits.requestMs} ms.`), this.#current)
    else if (this.#phase === CLOSING) this.destroy()
  }

  drain(): void {
    if (this.#phase === IDLE) this.#close('')
  }

  shutdown(): void {
    const current = this.#current
    if (this.#phase === HEAD || (this.#phase === BODY && current?.listener == null)) this.refuse(shuttingDown(), current)
    else current?.shutdown()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  readonly #onBytes = (chunk: Buffer): void => {
    // A read that finds the connection idle or in a body begins anew; joining happens only for heads in pieces and for pipelines.
    if (this.#phase === IDLE || (this.#current !== null && !this.#current.request.complete)) {
      this.#previous = this.#recent
      this.#recent = chunk
    } else {
      this.#recent = this.#recent.length === 0 ? chunk : Buffer.concat([this.#recent.subarray(-2 * this.door.limits.headBytes), chunk])
    }
    if (this.#phase !== IDLE) return
    this.#phase = HEAD
    this.#since = this.door.deadline(0)
    this.#deadline = this.#since + this.door.limits.headMs
  }

  /** FIN: the client has left, as on the fast path. */
  readonly #onEnd = (): void => {
    if (this.#phase !== BODY && this.#phase !== BUSY) return
    const current = this.#current
    this.#current = null
    this.#phase = CLOSING
    this.destroy()
    current?.gone()
  }

  readonly #onClose = (): void => {
    this.door.connections.delete(this)
    const current = this.#current
    this.#current = null
    this.#phase = CLOSING
    this.#queue.length = 0
    this.#chunks = []
    this.#recent = this.#previous = NOTHING
    current?.gone()
  }

  readonly #onFinish = (): void => {
    if (this.#phase === CLOSING) return
    this.unwatchStall()
    this.#current = null
    this.#phase = IDLE
    this.#deadline = this.door.deadline(this.door.limits.keepAliveMs)
    if (this.#closeAfter || this.door.draining) return this.#close('')
    const next = this.#queue.shift()
    if (next !== undefined && (this.#fault === null || next.request.complete)) return this.#start(next, false)
    if (this.#fault !== null) return this.refuse(this.#fault, null)
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  /** `inTurn`: the head came just now, so that nothing of the body can have gone into the request's stream. */
  #start(waiting: Waiting, inTurn: boolean): void {
    const { request, response, refused } = waiting
    const target = readTarget(request)
    const exchange = this.#current = new SlowExchange(this, request, response, target ?? { path: '/', query: '' })
    if (refused !== null) return this.refuse(refused, exchange)
    if (target === null) return this.refuse(refusal('invalid-request', 'The request target is not a path of this host.'), exchange)
    this.#served++
    this.#closeAfter = !response.shouldKeepAlive
    const { limits, rules } = this.door
    const control = rules.controlSocket !== null && isControlPath(exchange.path)
    const route = exchange.method === 'POST' ? rules.routes.get(exchange.path) : undefined
    if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes) return this.refuse(bodyTooLarge(limits.bodyBytes), exchange)
    const denied = route === undefined ? null : rules.admit(exchange)
    if (denied !== null) return this.refuse({ error: denied, status: ERROR_POLICY[denied.kind].status }, exchange)
    if (waiting.expectsContinue) response.writeContinue()
    this.#phase = BODY
    this.#deadline = (this.#since === 0 ? this.door.deadline(0) : this.#since) + limits.requestMs
    this.#since = 0
    if (control && rules.controlSocket !== null) return this.#relay(exchange, rules.controlSocket)
    this.#chunks = []
    this.#size = 0
    if (inTurn) return request.deliverTo(this)
    request.on('data', chunk => this.onBody(request, chunk))
    request.on('end', () => this.onBodyEnd(request))
    request.on('error', ignore)
  }

  #relay(exchange: SlowExchange, socketPath: string): void {
    exchange.request.once('end', this.#onRelayed)
    this.#phase = BODY
    exchange.response.once('finish', this.#onFinish)
    relayToControl(exchange, socketPath, this.connectionLine(exchange) !== '', refused => this.refuse(refused, exchange), () => this.breakOff(false))
  }

  readonly #onRelayed = (): void => {
    if (this.#phase === BODY) this.#phase = BUSY
  }

  onBody(request: SlowRequest, chunk: Buffer): void {
    if (this.#phase !== BODY || this.#current?.request !== request) return
    this.#size += chunk.length
    if (this.#size > this.door.limits.bodyBytes) return this.refuse(bodyTooLarge(this.door.limits.bodyBytes), this.#current)
    this.#chunks.push(chunk)
  }

  /** Trailers were parsed by now and are never read: they cannot change what the head said. */
  onBodyEnd(request: SlowRequest): void {
    const exchange = this.#current
    if (this.#phase !== BODY || exchange?.request !== request) return
    this.#phase = BUSY
    const body = this.#chunks.length === 1 ? this.#chunks[0] ?? NOTHING : Buffer.concat(this.#chunks, this.#size)
    this.#chunks = []
    const { cors, rules } = this.door
    const route = exchange.method === 'POST' ? rules.routes.get(exchange.path) : undefined
    if (route !== undefined) return rules.serve(route.dialect, route.operation, exchange, body, exchange)
    const preflight = cors === null ? null : preflightLines(exchange)
    if (preflight !== null) return exchange.respond(204, preflight, '')
    rules.local(exchange, body, exchange)
  }

  /**
   * `node:http` takes more than one space in a request line. Its own reading of the line must stand in the bytes just as it would be written.
   */
  #refuseLine(request: SlowRequest): Refusal | null {
    const line = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`
    const recent = this.#recent
    const seen = (recent.length >= line.length && recent.latin1Slice(0, line.length) === line) || Buffer.concat([this.#previous, recent]).includes(line, 0, 'latin1')
    return seen ? null : refusal('invalid-request', 'The request line is malformed.')
  }

  /** Sends the last text and FIN past `node:http`; the peer's bytes are thrown away until it closes too, or for a short while. */
  #close(text: string): void {
    this.#phase = CLOSING
    this.#deadline = this.door.deadline(LINGER_MS)
    this.#queue.length = 0
    this.#chunks = []
    this.#recent = this.#previous = NOTHING
    const socket = this.#socket
    socket.removeAllListeners('data')
    socket.on('data', this.#onDiscarded)
    socket.end(text, 'latin1')
    if (socket.writableLength > 0) {
      this.#deadline = Infinity
      this.watchStall()
    }
    socket.resume()
  }

  readonly #onDiscarded = (chunk: Buffer): void => {
    this.#discarded += chunk.length
    if (this.#discarded > LINGER_BYTES) this.destroy()
  }
}

function ignore(): void {}
