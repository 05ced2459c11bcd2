import type { EmbeddingCall, EmbeddingFormatId } from './embedding.ts'
import type { GatewayError, Result } from './errors.ts'
import type { RerankCall, RerankFormatId } from './rerank.ts'
import type { Target } from './snapshot.ts'
import type { EncodedRequest } from './translating-dialect.ts'
import type { Usage } from './usage.ts'

/** What a target speaks for calls that are no conversation; null = it has none such. Left out = what goes with its dialect. */
export interface ServiceFormats { readonly embeddings?: EmbeddingFormatId | null, readonly rerank?: RerankFormatId | null }

/** What an answer came to beside its elements. */
export interface ListTold { readonly usage: Usage, readonly model: string }

/** Reads one provider's answer as it comes: one element at a time is held. One instance per attempt. Never throws. */
export interface ListDecoder {
  /** Latin1, cut anywhere. `emit` gets each element in the neutral form of its kind, as JSON text. */
  push(text: string, emit: (element: string) => void): void
  /** What is wrong with what came so far; null = nothing. */
  readonly error: GatewayError | null
  /** The bytes ended. Errors: `upstream-protocol` where the answer is not a whole one, or lacks elements. */
  end(): Result<ListTold>
}

/** Writes one answer for the client: latin1. One instance per attempt. */
export interface ListEncoder {
  element(element: string): string
  /** What is left to be said after the last element. */
  end(told: ListTold): string
}

/** What an encoder must know of the request. */
export interface ListFacts<Call> {
  readonly call: Call
  readonly requestId: string
  /** `performance.now()` when it arrived. */
  readonly startedAt: number
}

/**
 * One wire format of calls whose answer is a list, in both directions through the neutral form of such calls: for clients and targets that do not share
 * one. Pure.
 */
export interface ListFormat<Id extends string, Call> {
  readonly id: Id
  /** `body` has passed a scan that bounds its depth. `asked`: what stands in the path. Errors: `invalid-request` with the parameter at fault. */
  decodeRequest(body: Buffer, asked: { readonly model: string, readonly single: boolean }): Result<Call>
  /** Errors: `invalid-request` where something cannot be left out without changing what was asked. */
  encodeRequest(call: Call, target: Target): Result<EncodedRequest>
  createDecoder(call: Call): ListDecoder
  createEncoder(facts: ListFacts<Call>): ListEncoder
}

/** Its elements are vectors: arrays of numbers, in the order of the inputs. */
export type EmbeddingFormat = ListFormat<EmbeddingFormatId, EmbeddingCall>
/** Its elements are objects with `index` (of a document) and `score`, the best first. */
export type RerankFormat = ListFormat<RerankFormatId, RerankCall>
