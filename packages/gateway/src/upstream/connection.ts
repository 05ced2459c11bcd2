import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { GatewayError, Origin, ResponseHead } from '@headrace/contract'
import { codedFault, connectFault, errorCode, protocolFault, resetFault, truncatedFault } from './faults.ts'
import { writeRequest } from './request-text.ts'
import { BAD, BODY, END, HEAD, ResponseParser } from './response-parser.ts'
import type { Carrier, RunningCall } from './running-call.ts'

/** TCP keep-alive probes find dead peers under long silent streams, ms. */
const PROBE_AFTER_MS = 60_000

/** Who owns connections: a pool. */
export interface ConnectionOwner {
  readonly origin: Origin
  /** Reads of all connections land here; each is dealt with before the next can happen. */
  readonly readBuffer: Buffer
  /** TLS session for resumption. */
  session: Buffer | undefined
  /** The connection finished its call cleanly and may take another. `keepAliveMs`: what the peer announced, -1 = nothing. */
  released(connection: Connection, keepAliveMs: number): void
  /** The connection serves no more. Called exactly once. */
  gone(connection: Connection): void
  /** The socket is closed for good. */
  closed(connection: Connection): void
}

/**
 * One socket to one origin, carrying one call at a time.
 *
 *   connecting --connect--> busy --END, clean--> idle --carry--> busy
 *        |                    |                    |
 *        +------error---------+--anything odd------+--FIN, bytes, age--> closed
 */
export class Connection implements Carrier {
  /** `Deadlines.now` at which an idle connection is too old. */
  expiresAt = 0
  readonly #owner: ConnectionOwner
  readonly #socket: Socket
  readonly #parser = new ResponseParser()
  #call: RunningCall | null
  #connected = false
  /** The whole request is with the kernel. */
  #sent = false
  #isGone = false

  constructor(owner: ConnectionOwner, call: RunningCall) {
    this.#owner = owner
    this.#call = call
    call.carrier = this
    this.#socket = this.#open()
    this.#socket.on('error', error => this.#lost(errorCode(error)))
    this.#socket.on('end', () => this.#ended())
    this.#socket.on('close', () => this.#closed())
  }

  /** Sends the request of a call over this idle connection. */
  carry(call: RunningCall): void {
    this.#call = call
    call.carrier = this
    this.#write(call)
  }

  drop(): void {
    this.#call = null
    this.destroy()
  }

  resume(call: RunningCall): void {
    if (call !== this.#call || !this.#connected) return
    call.timer.enter(call.status === 0 ? 'first-token' : 'idle')
    this.#socket.resume()
  }

  /** Closes the socket now. The call, if any, hears nothing. */
  destroy(): void {
    this.#call = null
    this.#leave()
    this.#socket.destroy()
  }

  /** Closes the socket and tells the call why. */
  fail(error: GatewayError): void {
    const call = this.#call
    this.destroy()
    call?.fail(error)
  }

  #open(): Socket {
    const { host, port, tls } = this.#owner.origin
    const { readBuffer } = this.#owner
    const onread: OnReadOpts = { buffer: readBuffer, callback: length => this.#read(readBuffer, length) }
    const common = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: PROBE_AFTER_MS, onread }
    if (!tls) {
      const socket = connectPlain(common)
      socket.on('connect', () => this.#ready())
      return socket
    }
    const options: ConnectionOptions = {
      ...common,
      // An IP address is no server name (RFC 6066 section 3); its certificate is checked all the same.
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
      ...(this.#owner.session === undefined ? {} : { session: this.#owner.session }),
    }
    const socket = connectTls(options)
    socket.on('secureConnect', () => this.#ready())
    socket.on('session', session => { this.#owner.session = session })
    return socket
  }

  #ready(): void {
    this.#connected = true
    if (this.#call !== null) this.#write(this.#call)
  }

  #write(call: RunningCall): void {
    const request = call.request
    if (request === null) return
    this.#parser.reset()
    this.#sent = false
    const { tls } = this.#owner.origin
    writeRequest(this.#socket, request, call.credential, tls ? this.#onWritten : undefined)
    call.request = null
    call.credential = ''
    call.timer.enter('first-token')
    if (tls) return
    // A write that the kernel took whole leaves nothing behind: no callback needed on the plain hot path. TLS never knows at once.
    if (this.#socket.writableLength === 0) this.#onWritten()
    else this.#socket.write('', 'latin1', this.#onWritten)
  }

  /** One for all requests of this connection: none is written before the one ahead of it is through. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error != null || this.#isGone) return
    this.#sent = true
    const call = this.#call
    if (call === null) return
    if (call.status === 0) call.timer.enter('first-token')
    call.handler.onSent()
  }

  #read(buffer: Buffer, length: number): boolean {
    const call = this.#call
    if (call === null) {
      // Bytes that nobody asked for: whatever they are, they must not become somebody's answer.
      this.destroy()
      return false
    }
    const parser = this.#parser
    const flags = parser.feed(buffer, length)
    if (flags === BAD) {
      this.fail(protocolFault(call.origin, parser.problem))
      return false
    }
    if ((flags & HEAD) !== 0 && parser.head !== null) {
      call.status = parser.status
      if (parser.coded) return this.#takeCoded(call, parser.head)
      call.handler.onHead(parser.status, parser.head)
      if (call !== this.#call) return false
    }
    if ((flags & BODY) !== 0 && !this.#deliver(call, buffer.subarray(parser.bodyStart, parser.bodyEnd), flags)) return false
    if ((flags & END) !== 0) this.#finish(call)
    return true
  }

  /** A compressed answer that nobody asked for is not unpacked. A refusal is known by its status all the same. */
  #takeCoded(call: RunningCall, head: ResponseHead): false {
    if (call.status >= 200 && call.status < 300) {
      this.fail(codedFault(call.origin))
      return false
    }
    this.destroy()
    call.settle()
    call.handler.onHead(call.status, head)
    call.handler.onEnd()
    return false
  }

  /** Hands body bytes on and pauses if asked to. Returns false if the call ended meanwhile. */
  #deliver(call: RunningCall, bytes: Buffer, flags: number): boolean {
    call.resumed = false
    const more = call.handler.onData(bytes, (flags & END) !== 0)
    if (call !== this.#call) return false
    // The last bytes are followed by the end at once: there is nothing to hold back, and the connection is free for others.
    if (more || call.resumed || (flags & END) !== 0) {
      call.timer.enter('idle')
    } else {
      call.timer.enter('paused')
      this.#socket.pause()
    }
    return true
  }

  #finish(call: RunningCall): void {
    const parser = this.#parser
    this.#call = null
    call.settle()
    if (!parser.reusable) this.destroy()
    else if (this.#sent) this.#owner.released(this, parser.keepAliveMs)
    else setImmediate(this.#releaseIfSent)
    call.handler.onEnd()
  }

  /**
   * TLS tells only in the loop's next check phase that the kernel took a write, and a near peer's answer may be read before that. Where it
   * has still not been told then, the answer overtook its request and leaves the rest of it in the pipe.
   */
  readonly #releaseIfSent = (): void => {
    if (this.#isGone) return
    if (this.#sent) this.#owner.released(this, this.#parser.keepAliveMs)
    else this.destroy()
  }

  /** The peer closed its side. */
  #ended(): void {
    const call = this.#call
    if (call !== null && this.#parser.finish() === 'complete') this.#finish(call)
    else this.#lost('closed')
  }

  #lost(code: string): void {
    const call = this.#call
    this.destroy()
    if (call === null) return
    if (!this.#connected) call.fail(connectFault(call.origin, code))
    else if (call.status === 0) call.fail(resetFault(call.origin, code))
    else call.fail(truncatedFault(call.origin, call.status, code))
  }

  #closed(): void {
    this.#lost('closed')
    this.#owner.closed(this)
  }

  #leave(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#owner.gone(this)
  }
}
