import type { Call, ResponseFormat } from './call.ts'
import type { Result } from './errors.ts'
import type { DialectId, Target } from './snapshot.ts'
import type { StreamEvent } from './stream-event.ts'

/** What a translation could not carry. Field names are the client's (`messages[].cache_control`). */
export interface TranslationNote {
  readonly field: string
  /** `dropped`: it is gone. `approximated`: something close went in its place, which `how` names. */
  readonly loss: 'dropped' | 'approximated'
  readonly how: string
}

/** Where the gateway cuts an answer itself. `tokens`: at most, by estimate; -1 = any number. */
export interface CutRule { readonly stop: readonly string[], readonly tokens: number }

/** A request for one target in its own dialect. */
export interface EncodedRequest {
  /** Latin1: one char = one byte. */
  readonly body: string
  /** Header lines that the dialect demands, each ending in CRLF. */
  readonly headers: string
  readonly notes: readonly TranslationNote[]
  /** What the target cannot be asked for; left out = its answer is not to be cut. */
  readonly cut?: CutRule
}

/** Reads one provider's answer. One instance per attempt. Never throws; what is no answer comes out as an `error` event. */
export interface AnswerDecoder {
  /** Bytes cut anywhere, valid during the call only. */
  push(chunk: Buffer, emit: (event: StreamEvent) => void): void
  /** The bytes ended cleanly: emits `end`, or `error` where the answer was not whole. */
  end(emit: (event: StreamEvent) => void): void
}

/** What an encoder must know of the request. */
export interface AnswerFacts {
  readonly requestId: string
  /** Model name to show where the provider names none. */
  readonly model: string
  /** Unix seconds. */
  readonly created: number
  /** The client asked for usage in the stream. */
  readonly includeUsage: boolean
  /** The request itself, for dialects whose answers repeat it and for calls of custom tools; left out = not known. */
  readonly call?: Call
  /** The client wants its stream as one JSON array, in a dialect that has such; left out = it does not. */
  readonly array?: boolean
}

/** Whether providers fetch such parts themselves where a request gives a URL. */
export interface UrlSupport { readonly image: boolean, readonly file: boolean }

/** A format of answers in a dialect's terms. `how`: what had to be changed in it, in words; '' = nothing. */
export interface FittedFormat { readonly format: ResponseFormat, readonly how: string }

/** What a tool may be called: at most `limit` characters, and none that `forbidden` matches. */
export interface ToolNameRule { readonly forbidden: RegExp, readonly limit: number }
/** What the scan found that may not stand in the body. */
export interface AskedOutside { readonly model: string, readonly stream: boolean }

/** Writes one answer for the client. One instance per attempt. */
export interface AnswerEncoder {
  /** The bytes that this event makes due, latin1; '' = none. A JSON answer is due with `end`. An `error` event makes nothing due: see `RelayDialect`. */
  event(event: StreamEvent): string
}

/**
 * One wire format in both directions, through the neutral form: used where client and target speak different dialects. Pure.
 * The fast lane of the same format is its `RelayDialect`.
 */
export interface TranslatingDialect {
  readonly id: DialectId
  /** `body` has passed the dialect's `scanRequest`: depth is bounded. `asked`: for a dialect that says it outside of the body. Errors: `invalid-request` with the parameter at fault. */
  decodeRequest(body: Buffer, asked?: AskedOutside): Result<Call>
  /** Errors: `invalid-request` where something cannot be left out without changing what was asked. */
  encodeRequest(call: Call, target: Target): Result<EncodedRequest>
  createDecoder(stream: boolean): AnswerDecoder
  createEncoder(stream: boolean, facts: AnswerFacts): AnswerEncoder
  /**
   * An encoder that goes on from a stream of this dialect that broke off. `sent`: all that its client got, whole events, whoever wrote them.
   * Null = nobody can go on from there. Left out = an encoder that was led through the events of what was sent is in the same state.
   */
  resumeEncoder?(facts: AnswerFacts, sent: Buffer): AnswerEncoder | null
  /** Content type of an encoded answer. */
  contentType(stream: boolean, facts: AnswerFacts): string
  /** A format of answers that a client of another dialect asks for. Null = the dialect has none like it. Left out = it has every one, as it is. */
  fitFormat?(format: ResponseFormat, call: Call, target: Target): FittedFormat | null
  /** Other names are rewritten on the way to such a target, and back. Left out = it takes every one. */
  readonly toolNames?: ToolNameRule
  /** Left out = `encodeRequest` knows what to do with every URL. */
  readonly urls?: UrlSupport
  /** The dialect's answer to a question for input tokens: the member that holds the count, and the whole body, ASCII. Left out = it has no such question. */
  readonly tokenCount?: { readonly field: string, encode(tokens: number): string }
  /** The provider's own words in a refusal of the request; null = none that can be read. */
  readRefusal(body: string): { readonly message: string, readonly param: string | null } | null
}

/** What a client's side of a translation takes: an older way of asking has no more than this. */
export type ClientTranslation = Pick<TranslatingDialect, 'decodeRequest' | 'createEncoder' | 'contentType'>
