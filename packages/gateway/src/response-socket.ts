import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { JsonView } from '@headrace/bytes'
import { ERROR_POLICY, gatewayError, type ClientListener, type ClientSink, type GatewayError, type RequestHead, type Serve, type ServerLimits } from '@headrace/contract'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { RecentResponses } from './contexts/responses/recent-responses.ts'

export interface ResponseSocketLayers {
  readonly serve: Serve
  readonly limits: () => ServerLimits
}

/** A connection lives so long at most, ms. */
const LIFE_MS = 3_600_000
/** Requests that wait for the one that runs. */
const MOST_WAITING = 16
/** Characters of one response that only the connection remembers. */
const LOCAL_CHARACTERS = 8 * 2 ** 20
const GOING_AWAY = 1001, UNREADABLE = 1003, TOO_MUCH = 1008
const LEFT_OUT: ReadonlySet<string> = new Set(['type', 'stream', 'stream_options', 'background'])
/** What belongs to one request, and not to a connection. */
const NOT_REPEATED: ReadonlySet<string> = new Set(['idempotency-key', 'headrace-context', 'headrace-delta', 'if-match', 'x-request-id', 'content-encoding', 'content-length'])

/** Responses over WebSockets: each `response.create` is one request, answered by the events of its stream. */
export class ResponseSockets {
  readonly #layers: ResponseSocketLayers
  readonly #server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false })

  constructor(layers: ResponseSocketLayers) {
    this.#layers = layers
  }

  open(head: RequestHead, request: IncomingMessage, socket: Duplex, first: Buffer): ResponseSocket {
    const connection = new ResponseSocket(this.#layers, head, socket)
    this.#server.options.maxPayload = this.#layers.limits().bodyBytes
    this.#server.handleUpgrade(request, socket, first, client => connection.start(client))
    return connection
  }
}

/** One client's connection: one response at a time, in the order in which they are asked for. */
class ResponseSocket {
  readonly #layers: ResponseSocketLayers
  readonly #head: RequestHead
  readonly #socket: Duplex
  readonly #waiting: string[] = []
  readonly #local = new RecentResponses(LOCAL_CHARACTERS)
  #client: WebSocket | null = null
  #sink: FrameSink | null = null
  #closing: GatewayError | null = null

  constructor(layers: ResponseSocketLayers, head: RequestHead, socket: Duplex) {
    this.#layers = layers
    this.#head = head
    this.#socket = socket
  }

  start(client: WebSocket): void {
    this.#client = client
    const life = setTimeout(() => this.#closeWhenIdle(OLD), LIFE_MS).unref()
    const full = (): void => this.#sink?.drained()
    this.#socket.on('drain', full)
    client.on('message', (data, binary) => this.#hear(data, binary))
    client.on('error', () => client.terminate())
    client.on('close', () => {
      clearTimeout(life)
      this.#waiting.length = 0
      this.#sink?.left()
      this.#sink = null
    })
    if (this.#closing !== null) this.#closeWhenIdle(this.#closing)
  }

  drain(): void {
    this.#closeWhenIdle(STOPPING)
  }

  shutdown(): void {
    this.#waiting.length = 0
    this.#closing = STOPPING
    if (this.#sink === null) this.#closeWhenIdle(STOPPING)
    else this.#sink.listener?.onShutdown()
  }

  #hear(data: RawData, binary: boolean): void {
    if (binary || !Buffer.isBuffer(data)) return this.#client?.close(UNREADABLE, 'Send text.')
    if (this.#waiting.length >= MOST_WAITING || this.#waiting.reduce((sum, { length }) => sum + length, data.length) > this.#layers.limits().bodyBytes) return this.#client?.close(TOO_MUCH, 'Too many requests wait for the one that runs.')
    this.#waiting.push(data.latin1Slice())
    if (this.#sink === null) this.#next()
  }

  #next(): void {
    this.#sink = null
    const text = this.#waiting.shift()
    if (text === undefined) return this.#closing === null ? undefined : this.#closeWhenIdle(this.#closing)
    const event = JsonView.parse(text)
    if (event?.get('type').string !== 'response.create') {
      this.#send(errorFrame(gatewayError('invalid-request', 'Events that are taken here are JSON objects of the type "response.create".', { param: 'type' })))
      return this.#next()
    }
    const members = [...event.members()].filter(([name]) => !LEFT_OUT.has(name)).map(([name, member]) => `${JSON.stringify(name)}:${member.raw}`)
    const previous = event.get('previous_response_id').string ?? ''
    this.#sink = new FrameSink(frame => this.#send(frame), whole => {
      // What cannot be gone on with once is not gone on with again: the client sends everything.
      if (!whole) this.#local.drop(previous)
      this.#next()
    })
    const head = this.#head
    const asked: RequestHead = {
      method: 'POST', path: head.path, query: head.query, remoteAddress: head.remoteAddress, local: this.#local, header: name => NOT_REPEATED.has(name) ? undefined : head.header(name),
    }
    this.#layers.serve('openai-responses', 'chat', asked, Buffer.from(`{${[...members, '"stream":true'].join()}}`, 'latin1'), this.#sink)
  }

  /** False = the client does not read as fast as this is written. */
  #send(frame: string): boolean {
    this.#client?.send(Buffer.from(frame, 'latin1'), { binary: false })
    if (!this.#socket.writableNeedDrain) return true
    this.#watchStall()
    return false
  }

  /** A client that takes nothing any more is let go. */
  #watchStall(): void {
    const before = this.#socket.writableLength
    setTimeout(() => { if (this.#socket.writableNeedDrain && this.#socket.writableLength >= before) this.#client?.terminate() }, this.#layers.limits().stallMs).unref()
  }

  #closeWhenIdle(why: GatewayError): void {
    this.#closing = why
    if (this.#client === null || this.#sink !== null || this.#waiting.length > 0) return
    this.#send(errorFrame(why, why === OLD ? 'websocket_connection_limit_reached' : undefined))
    this.#client.close(GOING_AWAY)
  }
}

const OLD = gatewayError('invalid-request', 'Responses WebSocket connections live for 60 minutes at most. Open a new one.')
const STOPPING = gatewayError('shutting-down', 'The gateway is shutting down. Open a new connection.')

function errorFrame({ kind, message, param }: GatewayError, code: string = ERROR_POLICY[kind].code): string {
  const { status, type } = ERROR_POLICY[kind]
  return Buffer.from(JSON.stringify({ type: 'error', status, error: { type, code, message, param } })).latin1Slice()
}

const DATA = /^data: ?(.*)$/gm
const BROKEN = /"type": ?"(?:error|response\.failed)"/

/** The way back for one response: what would be the events of a stream are the frames of the connection. */
class FrameSink implements ClientSink {
  readonly #send: (frame: string) => boolean
  readonly #done: (whole: boolean) => void
  listener: ClientListener | null = null
  closed = false
  #over = false
  #rest = ''
  #full = false
  #broken = false

  constructor(send: (frame: string) => boolean, done: (whole: boolean) => void) {
    this.#send = send
    this.#done = done
  }

  respond(status: number, _headers: string, body: Buffer | string): void {
    if (this.#over) return
    const text = typeof body === 'string' ? body : body.latin1Slice()
    const error = JsonView.parse(text)?.get('error')
    const good = status >= 200 && status < 300
    this.#send(good ? `{"type":"response.completed","response":${text}}` : `{"type":"error","status":${status},"error":${error?.kind === 'object' ? error.raw : 'null'}}`)
    this.#end(good)
  }

  begin(): void {}

  write(chunk: Buffer | string): boolean {
    if (this.#over) return true
    this.#rest += typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    const end = Math.max(this.#rest.lastIndexOf('\n\n') + 2, this.#rest.lastIndexOf('\n\r\n') + 3)
    if (end < 3) return true
    for (const event of this.#rest.slice(0, end).split(/(?<=\n\r?\n)/)) this.#event(event)
    this.#rest = this.#rest.slice(end)
    return !this.#full
  }

  end(): void {
    if (!this.#over) this.#end(!this.#broken)
  }

  abort(): void {
    if (this.#over) return
    if (!this.#broken) this.#send(errorFrame(gatewayError('upstream-truncated', 'The answer broke off.')))
    this.#end(false)
  }

  drained(): void {
    if (!this.#full) return
    this.#full = false
    this.listener?.onDrain()
  }

  /** The client is gone. */
  left(): void {
    this.closed = true
    if (this.#over) return
    this.#over = true
    this.listener?.onClose()
  }

  #event(event: string): void {
    const data = [...event.matchAll(DATA)].map(([, line = '']) => line).join('\n').trim()
    if (data === '' || data === '[DONE]') return
    if (BROKEN.test(data)) this.#broken = true
    if (!this.#send(data)) this.#full = true
  }

  #end(whole: boolean): void {
    this.#over = true
    // Whoever ended it is not done with it yet.
    setImmediate(() => this.#done(whole))
  }
}
