import type { GatewayError, Result } from './errors.ts'
import type { ModelEntry, Operation, PathName, WireName } from './snapshot.ts'
import type { Usage } from './usage.ts'
import type { RequestHead, ResponseHead } from './wire.ts'

/** Half-open byte range `[start, end)` in a request body; -1, -1 = absent. */
export interface Span { readonly start: number, readonly end: number }

/** What routing needs of a request body, read without decoding the rest, and where it stands. */
export interface ScannedRequest {
  /** The whole body as latin1: one char = one byte, so that the spans are positions in it too. */
  readonly text: string
  readonly model: string
  readonly stream: boolean
  /** Where it goes at a provider of the same dialect. */
  readonly path: PathName
  /** The client asked for usage itself. */
  readonly includeUsage: boolean
  /** The client's `user`, cut at 256 characters; '' = none. */
  readonly user: string
  /** JSON text of the `metadata` object, at most 4 KiB of UTF-8; '' = none or longer. */
  readonly metadata: string
  /** Output tokens asked for at most; -1 = not said. */
  readonly maxTokens: number
  /** Answers asked for (`n`), each with `maxTokens`; 1 where it is not said. */
  readonly choices: number
  /** Temperature 0 or a seed: the client wants the same answer each time. Left out = not. */
  readonly deterministic?: boolean
  /** It builds on something that was kept: what it is told where nothing is. Left out = it does not. */
  readonly stateless?: GatewayError
  /** -1, -1 where the model's name stands in the path alone. */
  readonly modelSpan: Span
  /** The usage option's holder (`stream_options`) and its own value inside it. */
  readonly optionsSpan: Span
  readonly includeUsageSpan: Span
}

/** An error in a dialect's shape. Header lines end in CRLF each; the body is ASCII. */
export interface EncodedError { readonly status: number, readonly headers: string, readonly body: string }

/** Watches one streamed answer go by. Forwards whole events only, so that what was forwarded always ends at an event's boundary. */
export interface StreamTap {
  /** Takes a chunk that is valid during the call only; returns what to forward now, as latin1; '' = nothing yet. */
  push(chunk: Buffer): string
  /** The provider's bytes ended cleanly: was the answer whole? Sets `missingDone`. */
  end(): 'complete' | 'cut'
  readonly usage: Usage
  /** Last one seen; '' = none. */
  readonly finishReason: string
  readonly done: boolean
  /** The answer was whole but for its terminator: send `doneEvent`. Known after `end()`. */
  readonly missingDone: boolean
  readonly doneEvent: string
  /** An error event, an oversized event, or something that is no event stream. It and what follows is not forwarded. */
  readonly error: GatewayError | null
  /** The event with which the stream began, where the dialect's error events repeat it: latin1; '' = not needed, or not known. */
  readonly opening: string
  /** What was forwarded ends at an event boundary. */
  readonly atBoundary: boolean
}

/**
 * One wire format in the fast lane: same dialect in and out, bytes pass but for model and usage option (invariant 4). Pure.
 * The neutral form has an interface of its own beside this one: `TranslatingDialect`.
 */
export interface RelayDialect {
  readonly id: WireName
  /** The header in which clients of this dialect look for the request's id. */
  readonly requestIdHeader: 'x-request-id' | 'request-id'
  /** `head`: a dialect may say in the path what others say in the body. Errors: `invalid-request` with the parameter at fault. */
  scanRequest(body: Buffer, operation: Operation, limits: { readonly jsonDepth: number }, head: Pick<RequestHead, 'path' | 'query'>): Result<ScannedRequest>
  /** The request without what another vendor sealed and its own cannot read; itself where there is none. Left out = no request of this dialect holds any. */
  withoutForeign?(scanned: ScannedRequest): ScannedRequest
  /** The body for one target as latin1 (one char = one byte). `modelJson` is a JSON string literal in ASCII. */
  spliceRequest(scanned: ScannedRequest, modelJson: string, askUsage: boolean): string
  /** The client's own headers that mean something to a provider of the same dialect (versions, beta features), as lines for it; '' = none. */
  forwardedHeaders(head: RequestHead): string
  /** Reads usage from a complete JSON answer or from its tail; a string is latin1. Never throws. */
  readJsonUsage(body: Buffer | string): { readonly usage: Usage, readonly finishReason: string }
  /** By the value of the answer's Content-Type; `asked`: the request was for a stream. */
  isStream(contentType: string, asked: boolean): boolean
  /** `withholdUsage`: the usage event was asked for by the gateway, not by the client. */
  createStreamTap(withholdUsage: boolean, contentType: string): StreamTap
  encodeError(error: GatewayError, requestId: string): EncodedError
  /** An error as the last event of a stream that has begun. `sent`: the stream's `opening` and the bytes that went out last, latin1, whole events; '' = none. */
  encodeStreamError(error: GatewayError, sent: string): string
  /** Maps a provider's answer that is not a stream; null = a good answer. `body`: a prefix (<= 64 KiB) of a refusal, or a whole good answer. */
  classifyResponse(status: number, head: ResponseHead, body: Buffer | string): GatewayError | null
  /** Bodies are ASCII JSON. */
  /** `query`: of the request, for a dialect whose lists have pages. */
  encodeModels(models: readonly ModelEntry[], query: string): string
  encodeModel(model: ModelEntry): string
}
