import type { ErrorKind } from './errors.ts'

/** How a call stands in the log. `unknown`: begun, and nobody lived to tell; `refused`, `answered` (by the gateway itself) and `coalesced` (with another exchange's call, named in `route`): never reached a provider. */
export type Outcome = 'settled' | 'partial' | 'unknown' | 'refused' | 'answered' | 'coalesced'

/**
 * What an upstream attempt was for: `call` = a request's own, `hedge` = a second one beside a slow first one, `shadow` = a copy whose answer nobody gets.
 */
export type CallKind = 'call' | 'hedge' | 'shadow'

/**
 * One row of the call log: one upstream attempt, or one refused request. Durations are milliseconds from `startedAt`, -1 = did not happen.
 * Token counts: -1 = unknown. Column names of the store are these names in snake_case.
 */
export interface CallRecord {
  /** Unique. `exchangeId` + '.' + attempt number (0 for refused requests). */
  readonly callId: string
  readonly exchangeId: string
  readonly requestId: string
  readonly attempt: number
  readonly kind: CallKind
  readonly outcome: Outcome
  readonly tenant: string
  readonly team: string
  readonly app: string
  readonly keyId: string
  readonly endUser: string
  /** Unix milliseconds at which the exchange began. */
  readonly startedAt: number
  readonly dialect: string
  readonly operation: string
  readonly model: string
  readonly provider: string
  readonly targetModel: string
  readonly stream: boolean
  /** HTTP status for the client (0 = none yet: another attempt followed, or the client left), and the provider's. */
  readonly status: number
  readonly upstreamStatus: number
  readonly errorKind: ErrorKind | ''
  readonly finishReason: string
  /** Fields of the request, in the client's terms and parted by `, `, that the target could not take, and that went there as something close; '' = none. */
  readonly dropped: string
  readonly approximated: string
  /** Why targets were chosen, skipped and left, up to this attempt's end: a JSON array, or '' where the first target was simply taken. */
  readonly route: string
  /** Of a shadow: its answer beside the client's, JSON (`Shadow`); '' = there was nothing to compare. */
  readonly compared: string
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  readonly reasoningTokens: number
  /** Nano-dollars, whole; of an `unknown` call what was reserved for it. -1 = the model has no price. */
  readonly costNano: number
  /** The price that it was made with (`Price.version`); '' = none. */
  readonly priceVersion: string
  readonly requestBytes: number
  readonly responseBytes: number
  readonly admittedMs: number
  readonly attemptMs: number
  readonly sentMs: number
  readonly headMs: number
  readonly firstByteMs: number
  readonly committedMs: number
  readonly totalMs: number
  readonly traceId: string
  /** JSON text or ''. */
  readonly metadata: string
  readonly tags: string
  /** Bodies by policy; null = not kept. */
  readonly requestBody: string | null
  readonly responseBody: string | null
}

/** What a person asks of the log. All filters are conjunctive; `tenant` is mandatory (invariant 8). */
export interface LogQuery {
  readonly tenant: string
  /** Unix ms, inclusive / exclusive. */
  readonly since?: number
  readonly until?: number
  readonly model?: string
  readonly provider?: string
  readonly keyId?: string
  readonly kind?: CallKind
  readonly outcome?: Outcome
  readonly errorKind?: string
  readonly requestId?: string
  /** Rows with an id greater than this cursor only (for following), oldest first. */
  readonly after?: number
  /** 1..1000. Default 100. */
  readonly limit?: number
}

export interface LogRow { readonly cursor: number, readonly record: CallRecord }
