import type { CapacityRule } from './capacity.ts'
import type { CoalescePolicy } from './coalescing.ts'
import type { ServiceFormats } from './list-format.ts'
import type { Result } from './errors.ts'
import type { ModelFacts } from './model-facts.ts'
import type { Price } from './money.ts'
import type { Principal } from './principal.ts'
import type { ProviderQuirks } from './provider-quirks.ts'
import type { Hooks } from './hooks.ts'
import type { ContextPolicy } from './context.ts'
import type { IdempotencyPolicy } from './idempotency.ts'

/** The wire formats we speak; the union grows with each dialect. */
export type DialectId = 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'google-gemini' | 'ollama-chat'

/** What clients speak: a dialect, or a vendor's own API of which nothing but embeddings and reranking is spoken. */
export type WireName = DialectId | 'cohere-api'

/** What a request asks for. Each has a path per dialect that knows it. */
export type Operation = 'chat' | 'completion' | 'embeddings' | 'rerank' | 'moderation' | 'count-tokens'

/** What goes to a provider as it is, at whatever path. */
export type PassedOperation = 'pass-through'

/** Model calls about pictures and sound, in OpenAI's shape alone: routed by their model, and their bytes go by uninterpreted. */
export type MediaOperation = 'image-generation' | 'image-edit' | 'image-variation' | 'speech' | 'transcription' | 'translation'

/** Where a request goes at a provider. Most dialects ask for a stream in the body; one has paths for it: events, or one JSON array. Some have a path for the embedding of one text beside that for many. */
export type PathName = Operation | MediaOperation | 'chat-stream' | 'chat-array' | 'embedding'

/** Where bytes go: scheme, host and port, and nothing else. Compared by identity; a credential is bound to one (invariant 9). */
export interface Origin {
  readonly tls: boolean
  /** Host name or IP literal, without brackets. */
  readonly host: string
  readonly port: number
  /** Value of the Host header. */
  readonly authority: string
  /** Forward proxy (`http://host:port`) or null. A proxied origin is served by the undici lane. */
  readonly proxy: string | null
}

/** Milliseconds. */
export interface Timeouts {
  /** To open a connection. */
  readonly connect: number
  /** From the request's last byte to the answer's first body byte. */
  readonly firstToken: number
  /** Between two reads of an answer. */
  readonly idle: number
  /** From the request's arrival to the end. */
  readonly total: number
}

/** Those of them that somebody has said. */
export type TimeoutRules = Partial<Timeouts>

/** One thing to try. Frozen and compiled when the configuration loads, so that nothing is built per request. */
export interface Target {
  readonly provider: string
  /** The provider's own name for the model: goes into the body and into the path where the dialect wants it. */
  readonly model: string
  readonly dialect: DialectId
  readonly origin: Origin
  /** Key into the credential vault of the upstream layer; null = the provider wants none. */
  readonly credentialId: string | null
  /** Path with query, base path and the model's name included where it stands there (`/v1/chat/completions`); '' = the dialect has no such operation. */
  readonly paths: Readonly<Record<PathName, string>>
  /** Rendered constant header lines (each ending in CRLF), without Host, credentials and framing. */
  readonly headers: string
  /** Of a streamed answer. */
  readonly timeouts: Timeouts
  /** Of an answer in one piece, whose first byte comes when all of it is written. Left out = the same. */
  readonly wholeTimeouts?: Timeouts
  /** `provider/model`, the value of the header `headrace-target`. */
  readonly name: string
  /** Rendered answer header line `headrace-target: NAME\r\n`, NAME percent-encoded outside visible ASCII. */
  readonly answerHeaders: string
  /** False where the provider is known to reject `stream_options`; the usage option is then not asked for. */
  readonly usageOption: boolean
  /** How its model gives structured output: by the dialect's own means, or by a tool call or an instruction in their place. Left out = by its own means. */
  readonly structuredOutput?: StructuredOutput
  /** The public model name's JSON string literal is replaced by this one. */
  readonly modelJson: string
  /** It goes on with an answer whose beginning stands as the last message of the conversation. Left out = it does not. */
  readonly prefill?: boolean
  /** What it speaks beside its dialect; left out = what goes with that. */
  readonly services?: ServiceFormats
  /** What its tokens cost; null or left out = nobody has said. */
  readonly price?: Price | null
  /** What the catalogue knows of it; null or left out = nothing. */
  readonly facts?: ModelFacts | null
  /** How much its engine takes at a time; null or left out = whatever comes. */
  readonly capacity?: CapacityRule | null
  /** What its provider does otherwise than the dialect says; null or left out = nothing. */
  readonly quirks?: ProviderQuirks | null
}

export type StructuredOutput = 'native' | 'tool' | 'instruction'

/** The ordered targets of a request, retries not included. Never empty. */
export interface Plan {
  readonly model: string
  readonly targets: readonly Target[]
  /** A target that cannot take every field of a request as it is asked is passed over. Left out = false. */
  readonly strict?: boolean
  /** Left out = `error`. */
  readonly rescue?: RescuePolicy
  /** Null or left out = no second attempt beside a slow first one. */
  readonly hedge?: HedgeRule | null
  /** Null or left out = none of its requests is copied to another target. */
  readonly shadow?: ShadowRule | null
  /** Which requests share a call with the same one that runs. Left out = `never`. */
  readonly coalesce?: CoalescePolicy
}

/** A share of a model's requests is sent to one more target, whose answer nobody gets: it is recorded beside the client's. */
export interface ShadowRule {
  /** The model's name in the configuration: what runs at the same time is counted under it. */
  readonly name: string
  /** The one target, as a plan of its own: nothing of a request is refused for being lost there, and nothing is tried again. */
  readonly plan: Plan
  /** Part of the requests, 0 .. 1. */
  readonly share: number
  /** Shadows at the same time at most, in each worker; requests beyond have none. */
  readonly concurrency: number
}

/**
 * A request whose target lets it wait longer than usual (the live p95 of its time to the first byte) gets a second attempt beside the first one, at the next
 * target that is well. Whichever answers first is the client's, the other is cancelled.
 */
export interface HedgeRule {
  /** The model's name in the configuration: its requests, on whichever of a wildcard's names, earn the hedges of all of them. */
  readonly name: string
  /** Hedges per request at most, over any longer time. 0 .. 1. */
  readonly share: number
  /** Never sooner than so many ms, however fast the target is. */
  readonly leastMs: number
}

/**
 * What happens when a stream breaks after its client got a part of it. `error`: the dialect's error event. `continue`: the next target goes on from there.
 * `restart`: the answer is begun anew, for clients that said that they can take it (`headrace-accept-restart: 1`), and `error` for others.
 */
export type RescuePolicy = 'error' | 'continue' | 'restart'

/** A provider wanted for what it keeps, not by its id: the one that has the name of its dialect's vendor (`VENDOR-...`), else the only one that speaks one of these dialects. */
export interface JobKeeper { readonly dialects: readonly DialectId[] }

/** A provider to which requests are passed through as they are. */
export interface PassedProvider {
  readonly id: string
  readonly dialect: DialectId
  /** Path of its base URL, and the part of it above the API's version; no slash at the end: '' = none. */
  readonly base: string
  readonly root: string
  /** Configured headers by lower-case name: they go over the client's. */
  readonly headers: Readonly<Record<string, string>>
  /** Its one target, always with the first credential: what is kept at a provider is kept in one account. `model`: what the request names, '' = nothing. Errors: `forbidden`. */
  plan(model: string, principal: Principal): Result<Plan>
}

/** A model as clients see it listed. `created`: Unix seconds, 0 = not known. `facts`: of the first of its targets; null or left out = nothing is known. */
export interface ModelEntry { readonly id: string, readonly ownedBy: string, readonly created: number, readonly facts?: ModelFacts | null }

/**
 * Compiled, deep-frozen configuration. An exchange keeps the one it began with (invariant 2).
 * Built by `orchestration/compile.ts` from a `ResolvedConfig`; lookups are by `Map`, with no I/O.
 */
export interface Snapshot {
  /** Counts up with each accepted reload. */
  readonly version: number
  /** Resolves a presented token (without `Bearer `). Errors: `unauthenticated`. */
  authenticate(token: string): Result<Principal>
  /** Orders the targets of a public model name for a principal. Errors: `model-not-found`, `forbidden`. */
  plan(model: string, principal: Principal): Result<Plan>
  /** The models a principal may call, for GET /v1/models. */
  models(principal: Principal): readonly ModelEntry[]
  /** A provider as this principal may reach it with requests of whatever kind. Errors: `forbidden`, `not-found`; `invalid-request` where it is not clear which. Left out = nobody may. */
  passed?(provider: string | JobKeeper, principal: Principal): Result<PassedProvider>
  readonly hooks: Hooks
  readonly policy: Policy
  /** How requests with an `Idempotency-Key` are treated; null or left out = as any other. */
  readonly idempotency?: IdempotencyPolicy | null
  /** Null or left out = no contexts are kept. */
  readonly contexts?: ContextPolicy | null
}

/** Gateway-wide switches that the hot path reads. */
export interface Policy {
  /** Ask providers for usage on streams whose client did not ask (`stream_options.include_usage`). */
  readonly askUsage: boolean
  readonly logCalls: boolean
  readonly logBodies: 'none' | 'full'
  /** Bytes kept of each logged body. */
  readonly logBodyLimit: number
  /** Attempts per request at most, retries and fallbacks together. 1..10. */
  readonly maxAttempts: number
  /** Nesting that a JSON body may have (from `server.limits.json_depth`). */
  readonly jsonDepth: number
  /** JSON answers up to this many bytes are held until complete (invariant 4). */
  readonly holdLimit: number
  /** Bytes that are fetched for one request, all its URLs together, where a provider does not fetch itself; 0 or left out = nothing is. And ms for it. */
  readonly fetchBytes?: number
  readonly fetchMs?: number
  /** Which requests share a call with the same one that runs, where their model does not say. Left out = `never`. */
  readonly coalesce?: CoalescePolicy
}
