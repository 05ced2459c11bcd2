import type { BudgetsToAuthority } from './limits.ts'
import type { ResolvedConfig } from './resolved-config.ts'
import type { SubjectView } from './targets.ts'

/**
 * What the processes of one installation say to each other, over Node's IPC channel, always through the supervisor:
 *
 *   supervisor --listener, config, drain--> worker   (the data plane; one per core)
 *   worker --listening, accepted, metrics--> supervisor --> control
 *   control --config, ready--> supervisor       (config, keys, call log, admin API, page; no model traffic)
 *
 * The control process listens on a unix socket; workers relay `/admin/v1`, `/metrics` and `/` to it.
 */
export type ToWorker =
  | { readonly type: 'config', readonly config: ResolvedConfig }
  /** Comes with the socket to accept from, before the first `config`. */
  /** `anonymous`: the one where no key is asked for. */
  | { readonly type: 'listener', readonly anonymous?: true }
  /**
   * Stop accepting, finish what can be finished within `graceMs`, end the rest with the dialect's error, exit 0.
   * `succeeded`: another worker accepts from the same socket, so that nobody is to notice: connections are told with their next answer.
   */
  | { readonly type: 'drain', readonly graceMs: number, readonly succeeded: boolean }
  /** Asks for a sign of life: `pong` at once. */
  | { readonly type: 'ping' }

export type FromWorker =
  | { readonly type: 'listening', readonly host: string, readonly port: number }
  /** The snapshot of this version is in force / was refused (the old one stays). */
  | { readonly type: 'accepted', readonly version: number }
  | { readonly type: 'refused', readonly version: number, readonly reason: string }
  /** Cumulative since the worker's start; sent once per second when something changed. */
  | { readonly type: 'metrics', readonly state: MetricsState }

/** A worker's sign of life: for the supervisor alone. */
export interface Pong { readonly type: 'pong' }

export type ToControl =
  /** Sent first; again if it moves. The sandbox's whole base URL, `/v1` included; null = none runs. Control waits for it before it compiles. */
  | { readonly type: 'sandbox', readonly url: string | null }
  | { readonly type: 'worker', readonly worker: number, readonly message: FromWorker }
  /** A worker has a successor: it finishes what it has begun, takes no further configuration, and ends. */
  | { readonly type: 'worker-leaves', readonly worker: number }
  /** A worker is gone: calls it began and never settled are `unknown`. `segments` are the file names that it alone wrote. */
  | { readonly type: 'worker-exit', readonly worker: number, readonly segmentPrefix: string }
  /** How targets and credentials stand, every second. */
  | { readonly type: 'targets', readonly subjects: readonly SubjectView[] }
  /** Re-read the configuration (SIGHUP). */
  | { readonly type: 'reload' }
  | { readonly type: 'stop' }

/** Where the control process listens, beside its unix socket. */
export interface AdminAddress { readonly host: string, readonly port: number, readonly tls: boolean }

export type FromControl =
  | { readonly type: 'config', readonly config: ResolvedConfig }
  /** First start only: the tokens, to be printed once. */
  | { readonly type: 'keys-created', readonly adminKey: string, readonly apiKey: string }
  /** `admin`: the address that it listens on itself; null = workers pass on to it. */
  | { readonly type: 'ready', readonly admin: AdminAddress | null }
  | BudgetsToAuthority
  /** The configuration cannot be used and there is no good one to stay with. */
  | { readonly type: 'fatal', readonly reason: string }

/** Counters and log-bucket histograms by series name with labels (Prometheus form), e.g. `headrace_requests_total{model="m",provider="p",status="200"}`. */
export interface MetricsState {
  readonly counters: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, number>>
  readonly histograms: Readonly<Record<string, { readonly buckets: readonly (readonly [index: number, count: number])[], readonly sum: number, readonly count: number }>>
}
