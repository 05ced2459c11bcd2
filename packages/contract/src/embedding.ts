/** The wire formats of embeddings. Several dialects may share one; a provider may have one that is not its chat dialect's. */
export type EmbeddingFormatId = 'openai-embeddings' | 'gemini-embed' | 'ollama-embed' | 'cohere-embed' | 'vertex-predict'

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
