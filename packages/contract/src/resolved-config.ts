import type { CapacityRule } from './capacity.ts'
import type { CoalescePolicy } from './coalescing.ts'
import type { ContextPolicy } from './context.ts'
import type { IdempotencyPolicy } from './idempotency.ts'
import type { LimitRule } from './limits.ts'
import type { BudgetRule, PriceRule } from './money.ts'
import type { ModelFacts } from './model-facts.ts'
import type { KeyRecord } from './principal.ts'
import type { ProviderQuirks } from './provider-quirks.ts'
import type { ProviderServices } from './known-provider.ts'
import type { DialectId, Policy, RescuePolicy, StructuredOutput, TimeoutRules } from './snapshot.ts'
import type { TokenGrant } from './token-grant.ts'

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
  /** Deadlines of targets by name. Left out = none. */
  readonly timeouts?: readonly TimeoutRule[]
  readonly policy: Policy
  /** Left out = everything is kept. */
  readonly log?: LogBounds
  /** Null or left out = an `Idempotency-Key` means nothing. */
  readonly idempotency?: IdempotencyPolicy | null
  /** Null or left out = no contexts are kept. */
  readonly contexts?: ContextPolicy | null
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
  /** Where the admin API, the metrics and the page are, and nothing else; left out = on the public port. */
  readonly admin?: { readonly host: string, readonly port: number } | undefined
  /** Where no key is asked for; left out = nowhere. */
  readonly anonymous?: AnonymousConfig | undefined
  readonly limits: ServerLimits
  /** Grace period for streams on SIGTERM, ms. */
  readonly drainMs: number
}

/** A listener for local tools that send no key. Its requests count as those of the key `anonymous`. */
export interface AnonymousConfig {
  readonly host: string
  readonly port: number
  /** Names that requests may call it by, beside addresses and `localhost`; lower case. */
  readonly hosts: readonly string[]
  /** Origins of web pages and apps that may call it; lower case. */
  readonly origins: readonly string[]
  /** Stands for the key that its requests do not bring: made anew with each configuration, never told to anybody. */
  readonly token: string
}

/** Bounds of the front door. Each has its own clear error. */
export interface ServerLimits {
  readonly headBytes: number
  readonly bodyBytes: number
  /** Of a body that is passed on as it comes; left out = as `bodyBytes`. */
  readonly uploadBytes?: number
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
  /** Bytes that one worker may use; left out = most of the machine's. */
  readonly memoryBytes?: number
}

export interface ProviderConfig {
  readonly id: string
  readonly dialect: DialectId
  /** Absolute http(s) URL, no query, no trailing slash. */
  readonly baseUrl: string
  /** Tried in turn. Empty = the provider wants no credential. */
  readonly credentials: readonly CredentialConfig[]
  readonly headers: Readonly<Record<string, string>>
  readonly timeouts: TimeoutRules
  readonly proxy: string | null
  /** Whose account it is: nobody else's requests are passed through to it. Left out = `default`. */
  readonly tenant?: string
  readonly usageOption: boolean
  /** Left out = `native`. */
  readonly structuredOutput?: StructuredOutput
  /** Left out = as the catalogue says of each model, and false where it says nothing. */
  readonly prefill?: boolean
  /** Left out = it does as the dialect says. */
  readonly quirks?: ProviderQuirks
  /** Left out = as goes with its dialect. */
  readonly services?: ProviderServices
  /** Azure's older surface: every path is a deployment's, with this `api-version`. Left out = paths are the dialect's. */
  readonly apiVersion?: string
  /** Model names known to exist there, for bare-name lookup and GET /v1/models; `provider/anything` works regardless. */
  readonly models: readonly string[]
}

export interface CredentialConfig {
  readonly id: string
  /** The header to send: `authorization` with `Bearer `, or a vendor's own (`x-api-key`, `api-key`). */
  readonly header: string
  /** '' where a token is got for it. */
  readonly value: string
  /** Left out = the value is what is sent. */
  readonly token?: TokenGrant
}

export interface ModelConfig {
  /** Public name; a trailing `*` is a wildcard whose match replaces `*` in the targets' model names. */
  readonly name: string
  readonly targets: readonly { readonly provider: string, readonly model: string }[]
  /** Nothing of a request may be dropped or approximated: see `Plan`. Left out = false. */
  readonly strict?: boolean
  /** Left out = `error`. */
  readonly rescue?: RescuePolicy
  /** Null or left out = no hedges. */
  readonly hedge?: HedgeConfig | null
  /** Null or left out = no shadows. */
  readonly shadow?: ShadowConfig | null
  /** Left out = as the policy says. */
  readonly coalesce?: CoalescePolicy
  /** Over those of its targets and their providers. */
  readonly timeouts?: TimeoutRules
}

/** See `ShadowRule`. */
export interface ShadowConfig { readonly target: { readonly provider: string, readonly model: string }, readonly share: number, readonly concurrency: number }

/** See `HedgeRule`. */
export interface HedgeConfig { readonly share: number, readonly leastMs: number }

/** Deadlines of `provider/model`, or with a trailing `*` of all that it names. They go over the provider's. */
export interface TimeoutRule { readonly name: string, readonly timeouts: TimeoutRules }
