import type { GatewayError, Result } from './errors.ts'
import type { Target } from './snapshot.ts'
import type { EncodedRequest } from './translating-dialect.ts'
import type { Usage } from './usage.ts'

/** The wire formats of embeddings. Several dialects may share one; a provider may have one that is not its chat dialect's. */
export type EmbeddingFormatId = 'openai-embeddings' | 'gemini-embed' | 'ollama-embed' | 'cohere-embed'

/** What vectors are for: models make different ones. Google's `taskType` has all of these, Cohere's `input_type` some. */
export type EmbeddingTask = 'query' | 'document' | 'similarity' | 'classification' | 'clustering' | 'question' | 'fact' | 'code'

/** One thing to be embedded. `tokens`: of the model's own vocabulary, which nobody but the model can read. `image`: base64. */
export type EmbeddingInput =
  | { readonly type: 'text', readonly text: string }
  | { readonly type: 'tokens', readonly tokens: readonly number[] }
  | { readonly type: 'parts', readonly parts: readonly EmbeddingPart[] }
export type EmbeddingPart = { readonly type: 'text', readonly text: string } | { readonly type: 'image', readonly mediaType: string, readonly data: string }

/** A request for embeddings, whoever asks. */
export interface EmbeddingCall {
  /** The client's. */
  readonly format: EmbeddingFormatId
  readonly model: string
  /** At least one. Their vectors are answered in this order. */
  readonly inputs: readonly EmbeddingInput[]
  /** Numbers of a vector; -1 = as many as the model has. */
  readonly dimensions: number
  readonly task: EmbeddingTask | null
  /** Of the documents; '' = none. */
  readonly title: string
  /** What becomes of an input that is too long: refused, or cut at its start or end; null = as the provider does. */
  readonly truncate: 'none' | 'start' | 'end' | null
  readonly user: string
  /** How the client wants its vectors written, each of them once. Providers are asked for `float`, and the gateway writes the rest. */
  readonly encodings: readonly EmbeddingEncoding[]
  /** The client asked for one in the format's form for one. */
  readonly single: boolean
  /** Fields that only the client's own format has, by name. */
  readonly foreign: readonly string[]
}

/** JSON numbers, or little-endian 32-bit floats in base64. */
export type EmbeddingEncoding = 'float' | 'base64'

/** What an answer came to beside its vectors. */
export interface EmbeddingsTold { readonly usage: Usage, readonly model: string }

/** Reads one provider's answer as it comes: one vector at a time is held. One instance per attempt. Never throws. */
export interface EmbeddingDecoder {
  /** Latin1, cut anywhere. `emit` gets each vector as the JSON text of an array of numbers, in the order of the inputs. */
  push(text: string, emit: (vector: string) => void): void
  /** What is wrong with what came so far; null = nothing. */
  readonly error: GatewayError | null
  /** The bytes ended. Errors: `upstream-protocol` where the answer is not a whole one, or lacks vectors. */
  end(): Result<EmbeddingsTold>
}

/** Writes one answer for the client: latin1. One instance per attempt. */
export interface EmbeddingEncoder {
  vector(vector: string): string
  /** What is left to be said after the last vector. */
  end(told: EmbeddingsTold): string
}

/** What an encoder must know of the request. */
export interface EmbeddingFacts {
  readonly call: EmbeddingCall
  readonly requestId: string
  /** `performance.now()` when it arrived. */
  readonly startedAt: number
}

/** One wire format of embeddings in both directions, through `EmbeddingCall`: for clients and targets that do not share one. Pure. */
export interface EmbeddingFormat {
  readonly id: EmbeddingFormatId
  /** `body` has passed a scan that bounds its depth. `asked`: what stands in the path. Errors: `invalid-request` with the parameter at fault. */
  decodeRequest(body: Buffer, asked: { readonly model: string, readonly single: boolean }): Result<EmbeddingCall>
  /** Errors: `invalid-request` where something cannot be left out without changing what was asked. */
  encodeRequest(call: EmbeddingCall, target: Target): Result<EncodedRequest>
  /** `count`: vectors that are due. */
  createDecoder(count: number): EmbeddingDecoder
  createEncoder(facts: EmbeddingFacts): EmbeddingEncoder
}
