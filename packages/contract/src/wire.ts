import type { Readable } from 'node:stream'
import type { GatewayError, Result } from './errors.ts'
import type { DialectId, Operation, Origin, Timeouts } from './snapshot.ts'

/** A parsed request head, from the fast path or from node:http: same interpretation by test. */
export interface RequestHead {
  readonly method: string
  /** Path without query, undecoded, beginning with `/`. */
  readonly path: string
  /** Query without `?`; '' = none. */
  readonly query: string
  /** Address of the peer, for the log; never trusted for decisions. */
  readonly remoteAddress: string
  /** Value of a header by lower-case name, trimmed; undefined = absent. Duplicates of single-valued headers were refused before. */
  header(name: string): string | undefined
  /** What the client's connection remembers of responses that are kept nowhere else. Left out = it remembers none. */
  readonly local?: LocalResponses
}

/** A response that only a connection remembers. `from`: the kept response that it goes on with; '' = none. `items`: those that came after that, as `contexts/responses` keeps them. */
export interface LocalResponse { readonly from: string, readonly items: readonly string[] }

export interface LocalResponses {
  /** Null = it is not remembered, or not any more. */
  get(id: string): LocalResponse | null
  put(id: string, response: LocalResponse): void
}

/**
 * The way back to one client, implemented by the edge, used by one journey. Bytes only; framing is the edge's business.
 * Header text is rendered lines, each ending in CRLF, without framing headers, Date and Connection.
 */
export interface ClientSink {
  /** A complete answer in one write. `body` as a string is latin1 (one char = one byte). */
  respond(status: number, headers: string, body: Buffer | string): void
  /** Starts a streamed answer (chunked); the head leaves with the first `write`. */
  begin(status: number, headers: string): void
  /**
   * Sends bytes. False = wait for the listener's `onDrain`. The bytes are copied or written before it returns: the caller may reuse them.
   * `more`: another write, the end or the abort follows before the caller's turn is over, so the bytes may leave together with it.
   */
  write(chunk: Buffer | string, more?: boolean): boolean
  /** Ends a streamed answer cleanly. */
  end(): void
  /** Breaks a streamed answer off, so that no client can take it for complete (no terminal chunk, connection closed). */
  abort(): void
  /** Who hears of drain and of the client's leaving. Set once per request. */
  listener: ClientListener | null
  /** The client is gone: everything else is a no-op. */
  readonly closed: boolean
}

export interface ClientListener {
  onDrain(): void
  /** The client left before the answer was complete. */
  onClose(): void
  /** The gateway stops and the grace period is over: answer or break off now. What is left a moment later is cut. */
  onShutdown(): void
}

/** Who has a request's body. One that the gateway put together is in one piece only when it is asked for. */
export interface BodyHolder {
  readonly body: Buffer
}

/** What the edge hands over for each admitted model call. Its answer goes through `sink`; it must not throw. */
export type Serve = (dialect: DialectId, operation: Operation, head: RequestHead, body: Buffer, sink: ClientSink) => void

/** One request to one provider. The upstream layer adds Host, credentials and framing. */
export interface UpstreamRequest {
  readonly origin: Origin
  readonly method: 'POST' | 'GET'
  readonly path: string
  /** Rendered constant and per-request header lines, each ending in CRLF. */
  readonly headers: string
  readonly credentialId: string | null
  /** A string is latin1. */
  readonly body: Buffer | string
  readonly timeouts: Timeouts
  /** `performance.now()` at which the total deadline fires. */
  readonly deadline: number
}

/** What one upstream call tells, in order: onSent?, onHead, onData*, then exactly one of onEnd and onError. Nothing after `abort()`. */
export interface UpstreamHandler {
  /** The request was handed to the kernel whole. */
  onSent(): void
  onHead(status: number, headers: ResponseHead): void
  /**
   * A slice of the body, decoded from its framing. Valid only during the call (the buffer is shared). False = pause until `resume()`.
   * `last`: the end was read with it, and `onEnd` follows at once.
   */
  onData(chunk: Buffer, last: boolean): boolean
  onEnd(): void
  onError(error: GatewayError): void
}

export interface ResponseHead {
  /** First value by lower-case name. */
  header(name: string): string | undefined
  /** All names and values in turn, names in lower case. Told of passed requests alone. */
  readonly lines?: readonly string[]
  /** False = it says nothing of the provider's limits (`x-ratelimit-...`): known from reading it, where asking for each costs 1 % of a request. Left out = not known. */
  readonly tellsQuota?: boolean
}

/** A running upstream call. */
export interface UpstreamCall {
  resume(): void
  /** Gives up: the connection is closed, the handler hears nothing more. Idempotent. */
  abort(): void
}

/** The one function that sends bytes to providers. Connections are pooled by `Origin`. */
export type Dispatch = (request: UpstreamRequest, handler: UpstreamHandler) => UpstreamCall

/** A request to a provider that goes out as it comes in, whatever it is. */
export interface PassedRequest extends Omit<UpstreamRequest, 'method' | 'body'> {
  /** A token of RFC 9110, in capitals. */
  readonly method: string
  /** Read no faster than the provider takes it; destroyed when the call is over before its end. Null = none. */
  readonly body: PassedBody | null
}

/** Bytes on their way to a provider. */
export interface PassedBody extends Readable {
  /** Bytes, as the client announced them; -1 = it did not say. */
  readonly announced: number
  /** Bytes that have come so far, and whether some of them wait for the provider to take them. */
  readonly passed: number
  readonly waiting: boolean
}

/** Sends such a request. Its answer is told like any other's, compressed ones too, and with all its headers (`ResponseHead.lines`). Never sent again, never redirected. */
export type Pass = (request: PassedRequest, handler: UpstreamHandler) => UpstreamCall

/** A request whose body has not been read. */
export interface IncomingRequest {
  readonly head: RequestHead
  /** Header names and values in turn, as they came. */
  readonly headers: readonly string[]
  readonly body: Readable
  /** Bytes, as announced; -1 = it comes in chunks, 0 = there is none. */
  readonly length: number
  readonly maxBytes: number
}

/** What the edge hands over for each request whose body is passed on as it comes. It must not throw. */
export type ServeIncoming = (request: IncomingRequest, sink: ClientSink) => void

/** Push with back-pressure: false from `push` = wait. */
export interface Sink<T> {
  push(item: T): boolean
  end(): void
  fail(error: GatewayError): void
}

/** What a URL in a request turned out to hold. */
export interface FetchedPart { readonly mediaType: string, readonly data: Buffer }

/** Fetches what a URL in a client's request names. Errors are words for the client; they do not tell what stands at an address that is not public. */
export type FetchPart = (url: string, types: ReadonlySet<string>, maxBytes: number, signal: AbortSignal) => Promise<Result<FetchedPart, string>>
