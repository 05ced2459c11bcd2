import type { BudgetWindow } from './budget-window.ts'

/**
 * Limits: what may be used, by whom, in which time; and what workers and the lease authority say to each other about it (invariant 12).
 * Plain data throughout: rules come with the configuration, messages cross process boundaries.
 */

/** Whose use is counted together. The tenant is part of every counter (invariant 8); `user` is the end user within the tenant. */
export type LimitScope = 'tenant' | 'team' | 'app' | 'key' | 'user' | 'model'

/** What is counted. `tokens` = input + output; `cost` = nano-dollars. */
export type LimitResource = 'requests' | 'input-tokens' | 'output-tokens' | 'tokens' | 'concurrency' | 'cost'

export type CalendarPeriod = 'day' | 'week' | 'month'

/**
 * How much. Units are whole; 1 .. 2^40.
 *
 *   rate      GCRA (the leaky bucket of ITU-T I.371): `limit` units per `windowMs` on average, refilled continuously, at most `burst` at once.
 *             Monotonic time only.
 *   calendar  `limit` units per UTC day, ISO week (from Monday) or month; everything is back at the boundary. Wall clock.
 *   slots     `limit` at the same time. `patient`: whoever asks waits its turn at the authority instead of being refused (engines' capacity).
 *   budget    `limit` nano-dollars per window, up to 2^52. What was spent before this authority lived is told by the ledger; until it is, nothing is given out.
 */
export type CounterSpec =
  | { readonly kind: 'rate', readonly limit: number, readonly windowMs: number, readonly burst: number }
  | { readonly kind: 'calendar', readonly limit: number, readonly period: CalendarPeriod }
  | { readonly kind: 'slots', readonly limit: number, readonly patient?: true }
  | { readonly kind: 'budget', readonly limit: number, readonly window: BudgetWindow }

export interface LimitAmount { readonly resource: LimitResource, readonly spec: CounterSpec }

/** One entry of the configuration's `limits`. A request must pass every rule that matches it. */
export interface LimitRule {
  /** Shown to clients in `RateLimit-Policy`: letters, digits, `.`, `_`, `-`. Unique. */
  readonly name: string
  /** One counter for each combination of these. */
  readonly per: readonly LimitScope[]
  /** The rule applies where every given scope has one of the values (exact, or with a trailing `*`). */
  readonly match: Readonly<Partial<Record<LimitScope, readonly string[]>>>
  readonly amounts: readonly LimitAmount[]
}

/** Opens a counter under a number that the worker chose; again with a later `version` when its amount has changed. */
export interface LeaseOpen {
  readonly op: 'open'
  readonly id: number
  /** Identity of the counter over workers, reloads and restarts; tells nothing of the amount. */
  readonly key: string
  /** Counters of one rule and tenant: bounded together. */
  readonly group: string
  readonly spec: CounterSpec
  /** The version of the configuration that says so; an older one changes nothing. */
  readonly version: number
}

/** What a worker tells of one lease. `used` and `mark` are running totals since it was opened. */
export interface LeaseNews {
  /**
   * `ask`: units are wanted. `report`: nothing but the numbers. `recalled`: the answer to a recall. `close`: the worker forgets the counter.
   */
  readonly op: 'ask' | 'report' | 'recalled' | 'close'
  readonly id: number
  /** Units used so far. Falls when a reservation was larger than what was used. */
  readonly used: number
  /** Units that may have been used by the time the worker's next message arrives: what a crash leaves in doubt. Never less than `used`. */
  readonly mark: number
  /** Unused units given back, and the window (`LeaseGrant.from`) that they belong to. */
  readonly back: number
  readonly from: number
  /** Units used without having been granted: the part of a call that its reservation did not cover. */
  readonly charge: number
  /** A request waits for this many; 0 = none waits, the lease is refilled ahead of need. Only with `ask`. */
  readonly need: number
  /** Units wanted beyond `need`. Only with `ask`. */
  readonly want: number
}

/** Answers an `ask`, also with 0 units where none waited. */
export interface LeaseGrant {
  readonly op: 'grant'
  readonly id: number
  readonly units: number
  /** The `need` that is answered. */
  readonly need: number
  /** Unix ms within which the units may be used; 0 and Infinity (as null) where the clock plays no part. */
  readonly from: number
  readonly until: number | null
  /** Units that are left elsewhere, about. */
  readonly left: number
  /** Others are refused for want of units: what is not needed, or comes back, is given back at once, as after a recall. */
  readonly tight: boolean
}

/** Nothing is left anywhere: all other leases were recalled first. */
export interface LeaseDenial {
  readonly op: 'deny'
  readonly id: number
  /** The need that was refused, units. */
  readonly need: number
  readonly left: number
  /** Until that many will be there, ms; 0 = when somebody gives units back. */
  readonly waitMs: number
}

/** `recall`: give back what is unused, and from now on at once what comes back. `relief`: a denial no longer holds. */
export interface LeaseCall { readonly op: 'recall' | 'relief', readonly id: number }

/** Worker to authority, in order, lossless. */
export interface LimitsToAuthority { readonly type: 'limits', readonly ops: readonly (LeaseOpen | LeaseNews)[] }
/** Authority to worker, in order, lossless. */
export interface LimitsToWorker { readonly type: 'limits', readonly ops: readonly (LeaseGrant | LeaseDenial | LeaseCall)[] }

/** What of one counter outlives a restart: the use of its calendar windows, by the window's first Unix ms. */
export interface CounterState {
  readonly key: string
  readonly group: string
  readonly spec: CounterSpec
  readonly used: readonly (readonly [from: number, units: number])[]
}

/**
 * Control to authority: what budgets have used, from the ledger. `groups` are known from now on: a counter of them that is not in `counters` has used nothing.
 * A counter that lives already keeps its own number, which is newer.
 */
export interface BudgetsToAuthority { readonly type: 'budgets', readonly groups: readonly string[], readonly counters: readonly CounterState[] }

/** One worker's side of one counter, as an authority hands it to its successor. */
export interface AttachmentState {
  readonly worker: number
  readonly id: number
  readonly held: number
  readonly used: number
  readonly mark: number
  readonly from: number
  readonly dry: boolean
  /** null = not starved. */
  readonly starvedOf: number | null
  /** Requests that wait, oldest first. */
  readonly waits: readonly { readonly need: number, readonly want: number }[]
}

/** Everything that a lease authority knows, for its successor in another process: every unit, and who holds it. Times are relative to the moment of the hand-over. */
export interface AuthorityState {
  readonly counters: readonly {
    readonly key: string
    readonly group: string
    readonly spec: CounterSpec
    readonly version: number
    /** A budget that the ledger has not told of yet. */
    readonly closed: boolean
    /** As `Meter.dump` tells. */
    readonly meter: readonly (readonly [from: number, units: number])[]
    readonly attachments: readonly AttachmentState[]
  }[]
  /** Groups of budgets whose earlier use is known. */
  readonly learned: readonly string[]
}
