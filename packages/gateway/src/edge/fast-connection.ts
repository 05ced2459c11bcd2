import type { Socket } from 'node:net'
import type { GatewayError } from '@headrace/contract'
import { bodyTooLarge, refusal, refusalOf, renderRefusal, shuttingDown, SMALL_BODY_BYTES, type BodyShare, type Connection, type Door, type Refusal, type Route } from './door.ts'
import { FastExchange } from './fast-exchange.ts'
import { COMPLETE, INCOMPLETE, TARGET_START } from './head-scan.ts'
import { isHost } from './host.ts'
import { LINGER_BYTES, LINGER_MS } from './linger.ts'
import { releaseRead } from './release-read.ts'

/** A head in more pieces than this goes to `node:http`: each piece is scanned from the start. */
const HEAD_PIECES = 4
/** Bytes of later requests kept while one is being answered; then the socket is not read. */
const STASH_LIMIT = 65_536
const NOTHING = Buffer.alloc(0)

/**
 *   IDLE --bytes--> HEAD --head complete--> BODY --body complete--> BUSY --answered--> IDLE
 *     |               |                       |                       +-- answer not yet taken --> FLUSHING --> IDLE
 *     +---------------+- odd -> handed over   +- refused -> CLOSING <-+ last answer
 */
const IDLE = 0
const HEAD = 1
const BODY = 2
const BUSY = 3
const FLUSHING = 4
const CLOSING = 5
const GONE = 6

/**
 * A client connection that has only shown requests of the one plain shape. Requests are answered in order, one at a time. What the scan
 * calls odd leaves for `node:http`, bytes and socket, before anything of it was interpreted.
 */
export class FastConnection implements Connection {
  readonly door: Door
  readonly #socket: Socket
  #phase = IDLE
  #exchange: FastExchange | null = null
  #route: Route | null = null
  /** Bytes read and not yet consumed: a partial head, or later requests while one is answered. */
  #held: Buffer = NOTHING
  #pieces = 0
  #body: Buffer = NOTHING
  #bodyFilled = 0
  #bodyLength = 0
  /** Memory that is set aside for the request's body; null = it needs none. */
  #share: BodyShare | null = null
  #served = 0
  #closeAfter = false
  /** When the first byte of the request that is being read came; 0 = none. */
  #since = 0
  #deadline: number
  /** When the client has to have taken what waits for it. */
  #drainBy = Infinity
  #discarded = 0
  #consuming = false
  #address: string | null = null

  constructor(door: Door, socket: Socket) {
    this.door = door
    this.#socket = socket
    this.#deadline = door.deadline(door.limits.headMs)
    door.connections.add(this)
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('timeout', this.#onTimeout)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  get remoteAddress(): string {
    return this.#address ??= this.#socket.remoteAddress ?? ''
  }

  /** Decides, once per answer, whether it is the connection's last, and says so in a header line. */
  connectionLine(): string {
    if (this.door.announcing || this.#served >= this.door.limits.requestsPerConnection) this.#closeAfter = true
    return this.#closeAfter ? 'connection: close\r\n' : ''
  }

  /** Sends latin1 text. False = the socket is full; the exchange hears of it with `drained`. */
  send(text: string): boolean {
    if (this.#socket.write(text, 'latin1')) return true
    this.#watchReader()
    return false
  }

  /** Sends the last text of an answer; the next request may be read. */
  finish(text: string): void {
    this.#exchange = null
    if (this.#share !== null) this.#giveBack()
    if (this.#closeAfter || this.door.draining) return this.#close(text)
    if (!this.send(text)) {
      this.#phase = FLUSHING
      return
    }
    this.#next()
  }

  /** Ends the connection without ending the answer. What was written still goes out. */
  breakOff(text: string): void {
    this.#exchange = null
    this.#close(text)
  }

  failInternally(exchange: FastExchange): void {
    this.#refuse(refusal('internal', 'The answer could not be rendered safely.'), exchange)
  }

  sweep(): void {
    if (this.door.now >= this.#drainBy) return this.destroy()
    if (this.door.now < this.#deadline) return
    switch (this.#phase) {
      case IDLE:
        this.#close('')
        return
      case HEAD:
        this.#refuse(refusal('client-timeout', `The request head did not arrive within ${this.door.limits.headMs} ms.`), null)
        return
      case BODY:
        this.#refuse(refusal('client-timeout', `The request did not arrive within ${this.door.limits.requestMs} ms.`), this.#exchange)
        return
      case CLOSING:
        this.destroy()
    }
  }

  drain(): void {
    if (this.#phase === IDLE) this.#close('')
  }

  shutdown(): void {
    if (this.#phase === HEAD || this.#phase === BODY) this.#refuse(shuttingDown(), this.#exchange)
    else this.#exchange?.shutdown()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    switch (this.#phase) {
      case IDLE: return this.#consume(chunk)
      case HEAD: return this.#consume(Buffer.concat([this.#held, chunk]))
      case BODY: return this.#collect(chunk, true)
      case BUSY:
      case FLUSHING: return this.#stash(chunk)
      case CLOSING:
        this.#discarded += chunk.length
        releaseRead(chunk)
        if (this.#discarded > LINGER_BYTES) this.destroy()
    }
  }

  readonly #onDrain = (): void => {
    if (this.#phase === CLOSING) return
    this.#socket.setTimeout(0)
    this.#drainBy = Infinity
    if (this.#phase === FLUSHING) this.#next()
    else this.#exchange?.drained()
  }

  /** Node's own timer starts anew whenever the peer takes something, and costs nothing while clients keep up; the other bounds those who take a byte now and then. */
  #watchReader(): void {
    this.#socket.setTimeout(this.door.limits.stallMs)
    if (this.#drainBy === Infinity) this.#drainBy = this.door.drainBy(this.#socket.writableLength)
  }

  /** The peer took nothing for `stallMs` while bytes waited. */
  readonly #onTimeout = (): void => this.destroy()

  /** FIN. A client that half-closes has left, as for `node:http`: SDKs close whole, and only so an abandoned call is heard of at once. */
  readonly #onEnd = (): void => {
    const exchange = this.#exchange
    if (this.#phase === FLUSHING || this.#phase === CLOSING || this.#phase === IDLE) {
      this.#socket.end()
      return
    }
    this.#phase = GONE
    this.destroy()
    exchange?.gone()
  }

  readonly #onError = (): void => {}

  readonly #onClose = (): void => {
    this.door.connections.delete(this)
    const exchange = this.#exchange
    this.#exchange = null
    this.#phase = GONE
    this.#held = this.#body = NOTHING
    exchange?.gone()
    this.#giveBack()
  }

  /** Takes requests out of `bytes` until one is in flight, or more bytes are needed. A loop, so that pipelines do not recurse. */
  #consume(bytes: Buffer): void {
    this.#held = bytes
    this.#consuming = true
    while (this.#phase <= HEAD && this.#held.length > 0 && this.#takeRequest(this.#held)) continue
    this.#consuming = false
  }

  /** False = more bytes are needed, or the connection is no longer here. */
  #takeRequest(bytes: Buffer): boolean {
    const door = this.door
    const scan = door.scan
    const state = scan.scan(bytes)
    if (state === INCOMPLETE && bytes.length < door.limits.headBytes && this.#pieces < HEAD_PIECES) return this.#awaitHead()
    if (state !== COMPLETE || scan.headEnd > door.limits.headBytes) return this.#handOver(bytes)
    const head = bytes.latin1Slice(0, scan.headEnd)
    const path = head.slice(TARGET_START, scan.pathEnd)
    const route = door.rules.routes.get(path)
    if (route === undefined) return this.#handOver(bytes)
    const host = head.slice(scan.hostStart, scan.hostEnd)
    if (host !== door.lastHost) {
      if (!isHost(host)) return this.#handOver(bytes)
      door.lastHost = host
    }
    this.#pieces = 0
    this.#closeAfter = scan.close
    this.#served++
    const exchange = this.#exchange = new FastExchange(this, head, path, scan)
    return this.#takeBody(bytes, exchange, route, scan.headEnd, scan.contentLength)
  }

  #awaitHead(): boolean {
    this.#pieces++
    if (this.#phase === IDLE) {
      this.#phase = HEAD
      this.#since = this.door.deadline(0)
      this.#deadline = this.#since + this.door.limits.headMs
    }
    return false
  }

  #takeBody(bytes: Buffer, exchange: FastExchange, route: Route, start: number, length: number): boolean {
    const end = start + length
    if (end <= bytes.length && length <= this.door.limits.bodyBytes) {
      if (length > SMALL_BODY_BYTES) {
        const denied = this.#take(length)
        if (denied !== null) return this.#refuse(refusalOf(denied), exchange)
      }
      this.#held = end === bytes.length ? NOTHING : bytes.subarray(end)
      this.#serve(exchange, route, bytes.subarray(start, end))
      return true
    }
    this.#held = NOTHING
    if (length > this.door.limits.bodyBytes) return this.#refuse(bodyTooLarge(this.door.limits.bodyBytes), exchange)
    const refused = this.door.rules.admit(exchange) ?? this.#take(length)
    if (refused !== null) return this.#refuse(refusalOf(refused), exchange)
    this.#since = this.#phase === HEAD ? this.#since : this.door.deadline(0)
    this.#deadline = this.#since + this.door.limits.requestMs
    this.#phase = BODY
    this.#route = route
    this.#bodyLength = length
    this.#bodyFilled = 0
    this.#body = Buffer.allocUnsafeSlow(length)
    this.#collect(bytes.subarray(start), false)
    return false
  }

  /** The buffer is as large as was announced, and memory is set aside for it: the kernel gives the pages only as they are filled. `own`: a read that nobody else keeps. */
  #collect(chunk: Buffer, own: boolean): void {
    const wanted = Math.min(chunk.length, this.#bodyLength - this.#bodyFilled)
    const filled = this.#bodyFilled + wanted
    chunk.copy(this.#body, this.#bodyFilled, 0, wanted)
    this.#bodyFilled = filled
    this.#held = wanted === chunk.length ? NOTHING : chunk.subarray(wanted)
    if (own && this.#held === NOTHING) releaseRead(chunk)
    if (filled < this.#bodyLength) return
    const body = this.#body
    this.#body = NOTHING
    // Answered at once, it is `#next` that goes on with what is held.
    if (this.#exchange !== null && this.#route !== null) this.#serve(this.#exchange, this.#route, body)
  }

  #serve(exchange: FastExchange, route: Route, body: Buffer): void {
    this.#phase = BUSY
    const share = this.#share
    this.door.rules.serve(route.dialect, route.operation, exchange, body, exchange)
    if (share !== null) share.arrived()
  }

  /** The last answer is out: on to the next request. */
  #next(): void {
    this.#phase = IDLE
    this.#deadline = this.door.deadline(this.door.limits.keepAliveMs)
    if (this.#held.length === 0) return
    if (this.#socket.isPaused()) this.#socket.resume()
    if (!this.#consuming) this.#consume(this.#held)
  }

  #stash(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    if (this.#held.length > STASH_LIMIT) this.#socket.pause()
  }

  #handOver(bytes: Buffer): false {
    const socket = this.#socket
    socket.removeListener('data', this.#onData)
    socket.removeListener('drain', this.#onDrain)
    socket.removeListener('timeout', this.#onTimeout)
    socket.removeListener('end', this.#onEnd)
    socket.removeListener('error', this.#onError)
    socket.removeListener('close', this.#onClose)
    this.door.connections.delete(this)
    const since = this.#phase === HEAD ? this.#since : this.door.deadline(0)
    this.#phase = GONE
    this.#held = NOTHING
    this.door.handOver(socket, bytes, this.#served, since)
    return false
  }

  /** Sets memory aside for a whole body. */
  #take(bytes: number): GatewayError | null {
    const share = this.door.rules.memory.setAside(bytes)
    if (!('end' in share)) return share
    this.#share = share
    return null
  }

  #giveBack(): void {
    const share = this.#share
    this.#share = null
    share?.end()
  }

  #refuse(refused: Refusal, exchange: FastExchange | null): false {
    this.#exchange = null
    this.#close(renderRefusal(this.door, refused, exchange))
    return false
  }

  /** Sends the last text and FIN; the peer's bytes are thrown away until it closes too, or for a short while. */
  #close(text: string): void {
    this.#phase = CLOSING
    this.#deadline = this.door.deadline(LINGER_MS)
    this.#held = this.#body = NOTHING
    this.#giveBack()
    this.#socket.end(text, 'latin1')
    if (this.#socket.writableLength > 0) {
      this.#deadline = Infinity
      this.#watchReader()
    }
    if (this.#socket.isPaused()) this.#socket.resume()
  }
}
