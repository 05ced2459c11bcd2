import type { EmbeddingFormatId } from './embedding.ts'
import type { RerankFormatId } from './rerank.ts'
import type { ProviderQuirks } from './provider-quirks.ts'
import type { DialectId, StructuredOutput } from './snapshot.ts'

/**
 * What the gateway knows of a provider before anything is configured: frozen data, one file per provider in `gateway/src/providers/`.
 * Passed as a parameter to `loadConfig`, so that the contract knows no provider by name.
 */
export interface KnownProvider {
  /** Name in `provider/model` and in the file's `providers` section. */
  readonly id: string
  readonly dialect: DialectId
  /**
   * Absolute http(s) URL without trailing slash; the dialect's paths (`/chat/completions`, `/responses`, `/messages`) are appended.
   * `{NAME}` in it is an environment variable: a part that every customer has of their own.
   */
  readonly baseUrl: string
  /** Values of the variable in the address's host that take to a host of their own. */
  readonly placeHosts?: Readonly<Record<string, string>>
  /** Environment variables that may hold its key, or name the file that does, in order of preference. Empty = never switched on by the environment. */
  readonly env: readonly string[]
  /** How it wants its key: `authorization: Bearer KEY`, a header of its own with the bare key, tokens that the key of a file signs for, or not at all. */
  readonly auth: 'bearer' | 'x-api-key' | 'api-key' | 'x-goog-api-key' | 'google-key-file' | 'none'
  /** It takes `stream_options: {include_usage: true}`. */
  readonly usageOption: boolean
  /** Left out = `native`. */
  readonly structuredOutput?: StructuredOutput
  readonly quirks?: ProviderQuirks
  readonly services?: ProviderServices
  /** Left out = not known. */
  readonly endpoints?: readonly ProviderEndpoint[]
  /** Model names worth listing and resolving without a prefix. Any other works as `provider/model`. */
  readonly models: readonly string[]
  /** Names that the model catalogue's sources have for it, where they are others. */
  readonly catalogueNames?: readonly string[]
}

/** What a provider offers in another format, or at another place, than goes with its dialect. */
export interface ProviderServices {
  /** False = it has conversations alone, and legacy completions are made of them. */
  readonly completions?: false
  readonly embeddings?: ProviderService<EmbeddingFormatId>
  readonly rerank?: ProviderService<RerankFormatId>
  /** Where conversations are held, in their dialect: relative to the base URL's directory, `{model}` for the model's name. */
  readonly paths?: Readonly<Record<'chat' | 'chat-stream' | 'count-tokens', string>>
}
/** `path`: relative to the base URL's directory (`../v2/embed`), `{model}` for the model's name. */
export interface ProviderService<Format> { readonly format: Format, readonly path: string }

/** What a provider offers under its base URL, as its documentation says; not all of it is spoken here in a dialect of its own. */
export type ProviderEndpoint =
  | 'chat' | 'responses' | 'messages' | 'completions' | 'embeddings' | 'rerank' | 'moderations' | 'images' | 'speech' | 'transcriptions' | 'translations' | 'videos'
  | 'realtime' | 'files' | 'batches' | 'fine-tuning' | 'ocr' | 'models'

/** What its chat models can be asked for; not each of them can all of it. */
export type ProviderCapability = 'tools' | 'json-object' | 'json-schema' | 'reasoning' | 'images' | 'documents' | 'audio' | 'prompt-caching' | 'web-search'

/** A provider in the registry: what the gateway works with, and what people are told. */
export interface ProviderProfile extends KnownProvider {
  /** As its vendor writes it. */
  readonly name: string
  /** Its documentation: where these facts are from. */
  readonly docs: string
  readonly endpoints: readonly ProviderEndpoint[]
  readonly capabilities: readonly ProviderCapability[]
}
