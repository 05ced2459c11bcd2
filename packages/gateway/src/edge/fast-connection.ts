import type { Socket } from 'node:net'
import { ERROR_POLICY } from '@headrace/contract'
import { bodyTooLarge, refusal, renderRefusal, shuttingDown, type Connection, type Door, type Refusal, type Route } from './door.ts'
import { FastExchange } from './fast-exchange.ts'
import { COMPLETE, INCOMPLETE, TARGET_START } from './head-scan.ts'
import { isHost } from './host.ts'
import { LINGER_BYTES, LINGER_MS } from './linger.ts'

/** A head in more pieces than this goes to `node:http`: each piece is scanned from the start. */
const HEAD_PIECES = 4
/** Bytes of later requests kept while one is being answered; then the socket is not read. */
const STASH_LIMIT = 65_536
/** Room for a body that has only begun to arrive. */
const FIRST_BODY_BYTES = 16_384
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
      case BODY: return this.#collect(chunk)
      case BUSY:
      case FLUSHING: return this.#stash(chunk)
      case CLOSING:
        this.#discarded += chunk.length
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
    const route = door.rules.routes.get(head.slice(TARGET_START, scan.pathEnd))
    if (route === undefined) return this.#handOver(bytes)
    const host = head.slice(scan.hostStart, scan.hostEnd)
    if (host !== door.lastHost) {
      if (!isHost(host)) return this.#handOver(bytes)
      door.lastHost = host
    }
    this.#pieces = 0
    this.#closeAfter = scan.close
    this.#served++
    const exchange = this.#exchange = new FastExchange(this, head, scan.pathEnd, scan.targetEnd, scan.lines)
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
      this.#held = end === bytes.length ? NOTHING : bytes.subarray(end)
      this.#serve(exchange, route, bytes.subarray(start, end))
      return true
    }
    this.#held = NOTHING
    if (length > this.door.limits.bodyBytes) return this.#refuse(bodyTooLarge(this.door.limits.bodyBytes), exchange)
    const refused = this.door.rules.admit(exchange)
    if (refused !== null) return this.#refuse({ error: refused, status: ERROR_POLICY[refused.kind].status }, exchange)
    this.#since = this.#phase === HEAD ? this.#since : this.door.deadline(0)
    this.#deadline = this.#since + this.door.limits.requestMs
    this.#phase = BODY
    this.#route = route
    this.#bodyLength = length
    this.#bodyFilled = 0
    this.#body = Buffer.allocUnsafeSlow(Math.min(length, Math.max(FIRST_BODY_BYTES, 2 * (bytes.length - start))))
    this.#collect(bytes.subarray(start))
    return false
  }

  /** The buffer grows with what really came: an announced length alone costs nothing. */
  #collect(chunk: Buffer): void {
    const wanted = Math.min(chunk.length, this.#bodyLength - this.#bodyFilled)
    const filled = this.#bodyFilled + wanted
    if (filled > this.#body.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#bodyLength, Math.max(filled, 2 * this.#body.length)))
      this.#body.copy(grown, 0, 0, this.#bodyFilled)
      this.#body = grown
    }
    chunk.copy(this.#body, this.#bodyFilled, 0, wanted)
    this.#bodyFilled = filled
    if (filled < this.#bodyLength) return
    const body = this.#body
    this.#body = NOTHING
    this.#held = wanted === chunk.length ? NOTHING : chunk.subarray(wanted)
    // Answered at once, it is `#next` that goes on with what is held.
    if (this.#exchange !== null && this.#route !== null) this.#serve(this.#exchange, this.#route, body)
  }

  #serve(exchange: FastExchange, route: Route, body: Buffer): void {
    this.#phase = BUSY
    this.door.rules.serve(route.dialect, route.operation, exchange, body, exchange)
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
    this.#socket.end(text, 'latin1')
    if (this.#socket.writableLength > 0) {
      this.#deadline = Infinity
      this.#watchReader()
    }
    if (this.#socket.isPaused()) this.#socket.resume()
  }
}
