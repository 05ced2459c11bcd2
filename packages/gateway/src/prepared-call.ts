import type { BodyHolder, ClientSink, Dispatch, Exchange, FetchPart, PathName, Plan, RelayDialect, Target } from '@headrace/contract'
import type { Journal } from './observability/journal.ts'
import type { Metrics } from './observability/metrics.ts'
import type { Capacity } from './orchestration/capacity/capacity.ts'
import type { HedgeBudget } from './orchestration/hedge-budget.ts'
import type { TargetBoard } from './orchestration/health/target-board.ts'
import type { TargetPicker } from './orchestration/health/target-picker.ts'
import type { Admission, Limiter } from './orchestration/limits/limiter.ts'
import type { ShadowBook } from './orchestration/shadow-book.ts'
import type { Pacing } from './orchestration/pacing/pacing.ts'
import type { RetryBudget } from './orchestration/retry-policy.ts'
import type { Rescue } from './rescue.ts'
import type { Dialects } from './translation.ts'

/** What the attempts need of the layers, wired once in `main.ts`. */
export interface AttemptLayers {
  readonly dialects: Dialects
  readonly dispatch: Dispatch
  /** A provider's text holds the secret that it was called with. */
  readonly reveals: (credentialId: string | null, text: string) => boolean
  readonly journal: Journal
  readonly metrics: Metrics
  readonly retryBudget: RetryBudget
  readonly targetBoard: TargetBoard
  readonly targetPicker: TargetPicker
  readonly limiter: Limiter
  /** Fetches what a request names by URL for targets that do not. */
  readonly fetchPart: FetchPart
  readonly capacity: Capacity
  readonly pacing: Pacing
  readonly hedgeBudget: HedgeBudget
  readonly shadows: ShadowBook
  /** Targets that have refused to go on from the beginning of their own answer. */
  readonly noPrefill: WeakSet<Target>
}

/** A request that is ready to be sent to any target of its plan. */
export interface PreparedCall {
  readonly exchange: Exchange
  readonly plan: Plan
  readonly dialect: RelayDialect
  readonly sink: ClientSink
  /** What it holds of its limits: given back when it settles. */
  readonly admission: Admission
  /** The body for a target of the client's dialect, as latin1 (one char = one byte). */
  readonly body: (target: Target) => string
  /** The field of which `body` leaves something out: another vendor's thoughts, which no target of the client's dialect can read; '' = none. */
  readonly foreign: string
  /** Where it goes at a target of the client's dialect. */
  readonly path: PathName
  /** The client's own body, for targets of another dialect. */
  readonly request: BodyHolder
  /** Per-request header lines for any provider, and those that only one of the client's dialect understands. */
  readonly headers: string
  readonly dialectHeaders: string
  /** The gateway asks for usage where the client did not: the usage chunk is withheld. */
  readonly withholdUsage: boolean
  /** The client can take an answer that is begun anew in the middle of its stream. */
  readonly acceptsRestart: boolean
  /** A stream that broke off in another process, with which this call goes on; null = it begins anew. */
  readonly resumes: Rescue | null
}
