import type { ClientSink, Exchange, LocalResponses, Plan, RelayDialect, ScannedRequest, Snapshot } from '@headrace/contract'
import type { FlightTable } from './coalescing/flight-table.ts'
import type { ContextHeaders, ContextLayers } from './context-turn.ts'
import type { DeltaLayers } from './delta-turn.ts'
import type { KeyBook } from './idempotency/key-book.ts'
import type { MemoryGuard } from './orchestration/memory/memory-guard.ts'
import type { AttemptLayers } from './prepared-call.ts'

/** What the journey needs of the layers, wired once in `main.ts`. */
export interface JourneyLayers extends AttemptLayers {
  readonly snapshot: () => Snapshot
  readonly nextId: () => string
  /** Idempotency keys; null = nobody keeps them. `owner`: identity of this process. */
  readonly keys: { readonly book: KeyBook, readonly owner: string } | null
  /** Conversations that are remembered; null = none are. */
  readonly contexts: ContextLayers | null
  readonly flights: FlightTable
  readonly memory: MemoryGuard
  /** Requests of which only what is new is sent; null = none are understood. */
  readonly deltas: DeltaLayers | null
}

/** A request that is understood and has a plan. */
export interface JourneyRequest {
  readonly x: Exchange
  readonly dialect: RelayDialect
  readonly sink: ClientSink
  readonly body: Buffer
  readonly scanned: ScannedRequest
  readonly plan: Plan
  readonly dialectHeaders: string
  readonly acceptsRestart: boolean
  /** Null = it names none. */
  readonly context: ContextHeaders | null
  /** It may share the call of one that is the same. */
  readonly shares: boolean
  /** Null = it is whole. */
  readonly delta: DeltaHeaders | null
  /** What its connection alone remembers; null = nothing. */
  readonly local: LocalResponses | null
}

/** `header`: as in `DeltaFacts`. */
export interface DeltaHeaders { readonly header: string, readonly path: string }
