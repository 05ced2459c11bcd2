import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { GatewayError } from '@headrace/contract'
import { codingOf, unpackBody } from './content-coding.ts'
import { isControlPath, relayToControl } from './control-relay.ts'
import { preflightLines } from './cors.ts'
import { bodyTooLarge, refusal, refusalOf, renderRefusal, shuttingDown, SLOWEST_CLIENT, type BodyShare, type Connection, type Door, type Incoming, type Refusal, type Upgraded } from './door.ts'
import { LINGER_BYTES, LINGER_MS } from './linger.ts'
import { releaseRead } from './release-read.ts'
import { SlowExchange } from './slow-exchange.ts'
import type { BodyReceiver, SlowRequest } from './slow-request.ts'
import { parserRefusal, readTarget, refuseHead, refuseUpgraded, upgradeHead } from './slow-rules.ts'

/** A request whose turn has not come, or one that is refused when it comes. */
interface Waiting {
  readonly request: SlowRequest
  readonly response: ServerResponse
  readonly refused: Refusal | null
  readonly expectsContinue: boolean
}

/**
 *   IDLE --bytes--> HEAD --parsed--> BODY --complete--> BUSY --answered--> IDLE, or the next of the queue
 *   IDLE, HEAD --a WebSocket's handshake--> UPGRADED
 *   any --refused, fault--> CLOSING
 */
const IDLE = 0
const HEAD = 1
const BODY = 2
const BUSY = 3
const CLOSING = 4
const UPGRADED = 5

const NOTHING = Buffer.alloc(0)
/** Memory that is set aside for a body that is passed on as it comes, at most: what of it is on its way through. */
const PASSING_BYTES = 262_144

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
  /** Memory that is set aside for the current request's body, and for so many bytes of it; null = for none yet. */
  #share: BodyShare | null = null
  #setAside = 0
  #discarded = 0
  /** The current request's body is passed on as it comes; and what was read of it when it was last looked at. */
  #incoming = false
  #passed = 0
  #closeAfter = false
  #upgraded: Upgraded | null = null
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

  /** A WebSocket's handshake, as the first request or after others were answered. Its parser is gone, and so are our ways of reading. */
  onUpgrade(request: SlowRequest, first: Buffer): void {
    const { upgrades, admit } = this.door.rules
    if (this.#phase === CLOSING || this.#fault !== null || upgrades == null) return this.destroy()
    const target = readTarget(request)
    const refused = this.#current !== null || this.#queue.length > 0 ? refusal('invalid-request', 'A connection is upgraded when the requests before are answered.') : this.#refuseLine(request) ?? refuseUpgraded(request)
    if (refused !== null) return this.refuse(refused, null)
    if (target === null || Number(request.headers['content-length'] ?? 0) !== 0 || request.headers['transfer-encoding'] !== undefined) return this.refuse(refusal('invalid-request', 'A WebSocket\'s handshake has a path of this host, and no body.'), null)
    if (this.door.announcing || this.door.draining) return this.refuse(shuttingDown(), null)
    const head = upgradeHead(request, target, this.remoteAddress)
    const denied = admit(head)
    if (denied !== null) return this.refuse(refusalOf(denied), null)
    this.#phase = UPGRADED
    this.#deadline = Infinity
    this.#recent = this.#previous = NOTHING
    this.#socket.removeListener('data', this.#onBytes)
    this.#socket.removeListener('end', this.#onEnd)
    this.#upgraded = upgrades.open(head, request, this.#socket, first)
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
    if (this.door.announcing || this.#served >= this.door.limits.requestsPerConnection || request.headers.upgrade !== undefined || this.#incoming && !request.complete) this.#closeAfter = true
    return this.#closeAfter ? 'connection: close\r\n' : ''
  }

  /** Answers with an error and ends the connection, past `node:http`: it is told no more. */
  refuse(refused: Refusal, exchange: SlowExchange | null): void {
    if (this.#phase === CLOSING) return
    // A relayed answer may have begun before the request's end: an error text inside it would be part of it.
    if (this.#current?.response.headersSent === true) return this.destroy()
    const text = renderRefusal(this.door, refused, exchange)
    this.#current = null
    // Whoever passes its body on has to hear of it.
    if (this.#incoming) exchange?.gone()
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
    else if (this.#phase === BODY && this.#incoming && this.#moves(limits.requestMs)) this.#deadline = this.door.deadline(limits.requestMs)
    else if (this.#phase === BODY) this.refuse(refusal('client-timeout', `The request did not arrive within ${limits.requestMs} ms.`), this.#current)
    else if (this.#phase === CLOSING) this.destroy()
  }

  /** A body that goes on as it comes may take as long as it moves, or waits for its provider. */
  #moves(sinceMs: number): boolean {
    const passed = this.#socket.bytesRead
    const moved = passed - this.#passed
    this.#passed = passed
    return moved >= sinceMs * SLOWEST_CLIENT || this.#socket.isPaused()
  }

  drain(): void {
    if (this.#phase === IDLE) this.#close('')
    this.#upgraded?.drain()
  }

  shutdown(): void {
    const current = this.#current
    this.#upgraded?.shutdown()
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
    this.#giveBack()
  }

  readonly #onFinish = (): void => {
    if (this.#phase === CLOSING) return
    this.unwatchStall()
    this.#giveBack()
    this.#current = null
    this.#incoming = false
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
    const { controlSocket, limits, rules } = this.door
    const control = controlSocket !== null && isControlPath(exchange.path)
    const incoming = rules.incoming?.takes(exchange.path) === true && exchange.method !== 'OPTIONS' ? rules.incoming : null
    const announced = Number(request.headers['content-length'] ?? 0)
    const most = incoming === null ? limits.bodyBytes : limits.uploadBytes ?? limits.bodyBytes
    if (announced > most) return this.refuse(bodyTooLarge(most, incoming === null ? 'body' : 'upload'), exchange)
    const denied = control || exchange.method === 'OPTIONS' ? null : rules.admit(exchange) ?? this.#take(incoming === null ? announced : Math.min(announced, PASSING_BYTES))
    if (denied !== null) return this.refuse(refusalOf(denied), exchange)
    if (waiting.expectsContinue) response.writeContinue()
    this.#phase = BODY
    this.#deadline = (this.#since === 0 ? this.door.deadline(0) : this.#since) + limits.requestMs
    this.#since = 0
    if (control) return this.#relay(exchange, controlSocket)
    if (incoming !== null) return this.#passOn(exchange, incoming, most)
    this.#chunks = []
    this.#size = 0
    if (inTurn) return request.deliverTo(this)
    request.on('data', chunk => this.onBody(request, chunk))
    request.on('end', () => this.onBodyEnd(request))
    request.on('error', ignore)
  }

  /** The request is answered while its body comes, and is read no faster than that is taken. */
  #passOn(exchange: SlowExchange, incoming: Incoming, maxBytes: number): void {
    const { request } = exchange
    const length = request.headers['transfer-encoding'] === undefined ? Number(request.headers['content-length'] ?? 0) : -1
    this.#incoming = true
    this.#passed = this.#socket.bytesRead
    request.once('end', this.#onRelayed)
    request.on('error', ignore)
    incoming.serve({ head: exchange, headers: request.rawHeaders, body: request, length, maxBytes }, exchange)
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
    const denied = this.#size <= this.#setAside ? null : this.#take(this.#size - this.#setAside)
    if (denied !== null) return this.refuse(refusalOf(denied), this.#current)
    this.#chunks.push(chunk)
  }

  /** Sets memory aside for so many more bytes. */
  #take(bytes: number): GatewayError | null {
    if (bytes === 0) return null
    const share = this.#share ?? this.door.rules.memory.setAside(bytes)
    if (!('end' in share)) return share
    const denied = this.#share === null ? null : share.grow(bytes)
    this.#share = share
    if (denied === null) this.#setAside += bytes
    return denied
  }

  #giveBack(): void {
    const share = this.#share
    this.#share = null
    this.#setAside = 0
    share?.end()
  }

  /** Trailers were parsed by now and are never read: they cannot change what the head said. */
  onBodyEnd(request: SlowRequest): void {
    const exchange = this.#current
    if (this.#phase !== BODY || exchange?.request !== request) return
    this.#phase = BUSY
    const body = this.#chunks.length === 1 ? this.#chunks[0] ?? NOTHING : Buffer.concat(this.#chunks, this.#size)
    this.#chunks = []
    const coding = codingOf(exchange)
    if (coding === '') return this.#serve(exchange, body)
    void unpackBody(coding, body, this.door.limits.bodyBytes).then(unpacked => {
      if (this.#current !== exchange) return
      if (!unpacked.ok) return this.refuse(refusalOf(unpacked.error), exchange)
      const denied = this.#take(Math.max(0, unpacked.value.length - this.#setAside))
      if (denied === null) this.#serve(exchange, unpacked.value)
      else this.refuse(refusalOf(denied), exchange)
    })
  }

  #serve(exchange: SlowExchange, body: Buffer): void {
    const { cors, rules } = this.door
    const route = exchange.method === 'POST' ? rules.routes.get(exchange.path) : undefined
    if (route !== undefined) {
      const share = this.#share
      rules.serve(route.dialect, route.operation, exchange, body, exchange)
      share?.arrived()
      return
    }
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
    this.#giveBack()
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
    releaseRead(chunk)
    if (this.#discarded > LINGER_BYTES) this.destroy()
  }
}

function ignore(): void {}
