import type { CapacityRule } from './capacity.ts'
import type { IdempotencyPolicy } from './idempotency.ts'
import type { LimitRule } from './limits.ts'
import type { BudgetRule, PriceRule } from './money.ts'
import type { ModelFacts } from './model-facts.ts'
import type { KeyRecord } from './principal.ts'
import type { DialectId, Policy, RescuePolicy, StructuredOutput, Timeouts } from './snapshot.ts'

/**
 * Configuration after parsing, checking, interpolation and defaults: plain data that can cross a process boundary.
 * Made from YAML by `@headrace/contract/config`; turned into a `Snapshot` by the gateway. Holds secrets: never logged, never sent outward.
 */
export interface ResolvedConfig {
  readonly version: number
  readonly server: ServerConfig
  readonly providers: readonly ProviderConfig[]
  readonly models: readonly ModelConfig[]
  readonly keys: readonly KeyRecord[]
  /** Left out = no limits. */
  readonly limits?: readonly LimitRule[]
  /** Over the catalogue's prices. */
  readonly prices?: readonly PriceRule[]
  /** What is known of the configured providers' models. Left out = nothing. */
  readonly catalogue?: readonly ModelFacts[]
  /** Left out = no budgets. */
  readonly budgets?: readonly BudgetRule[]
  /** Left out = engines take whatever comes. */
  readonly capacity?: readonly CapacityRule[]
  readonly policy: Policy
  /** Left out = everything is kept. */
  readonly log?: LogBounds
  /** Null or left out = an `Idempotency-Key` means nothing. */
  readonly idempotency?: IdempotencyPolicy | null
}

/** What the call log keeps. */
export interface LogBounds {
  /** Rows whose call began longer ago than this are deleted, ms. */
  readonly retentionMs: number
  /** Above this the oldest rows are deleted, bytes of the database that are in use. */
  readonly maxBytes: number
}

export interface ServerConfig {
  readonly host: string
  readonly port: number
  readonly tls: { readonly cert: string, readonly key: string } | null
  /** Allowed origins (`*` = any); empty = no CORS headers. */
  readonly corsOrigins: readonly string[]
  readonly limits: ServerLimits
  /** Grace period for streams on SIGTERM, ms. */
  readonly drainMs: number
}

/** Bounds of the front door. Each has its own clear error. */
export interface ServerLimits {
  readonly headBytes: number
  readonly bodyBytes: number
  readonly jsonDepth: number
  readonly connections: number
  /** Of them from one address (IPv6: one /64 network); as many as `connections` = no bound of its own. */
  readonly connectionsPerAddress: number
  readonly requestsPerConnection: number
  /** Milliseconds: for the head to arrive, for the whole request to arrive, idle between requests. */
  readonly headMs: number
  readonly requestMs: number
  readonly keepAliveMs: number
  /** A client that takes nothing for this long while an answer waits is evicted, ms. */
  readonly stallMs: number
}

export interface ProviderConfig {
  readonly id: string
  readonly dialect: DialectId
  /** Absolute http(s) URL, no query, no trailing slash. */
  readonly baseUrl: string
  /** Tried in turn. Empty = the provider wants no credential. */
  readonly credentials: readonly CredentialConfig[]
  readonly headers: Readonly<Record<string, string>>
  readonly timeouts: Timeouts
  readonly proxy: string | null
  readonly usageOption: boolean
  /** Left out = `native`. */
  readonly structuredOutput?: StructuredOutput
  /** Left out = as the catalogue says of each model, and false where it says nothing. */
  readonly prefill?: boolean
  /** Model names known to exist there, for bare-name lookup and GET /v1/models; `provider/anything` works regardless. */
  readonly models: readonly string[]
}

export interface CredentialConfig {
  readonly id: string
  /** The header to send: `authorization` with `Bearer `, or a vendor's own (`x-api-key`, `api-key`). */
  readonly header: string
  readonly value: string
}

export interface ModelConfig {
  /** Public name; a trailing `*` is a wildcard whose match replaces `*` in the targets' model names. */
  readonly name: string
  readonly targets: readonly { readonly provider: string, readonly model: string }[]
  /** Nothing of a request may be dropped or approximated: see `Plan`. Left out = false. */
  readonly strict?: boolean
  /** Left out = `error`. */
  readonly rescue?: RescuePolicy
}
