import type { FromWorker, MetricsState } from '@headrace/contract'
import { addCounted, NO_METRICS } from './add-metrics.ts'

/** A living worker, as far as control has heard of it. */
export interface WorkerView {
  readonly worker: number
  /** Version of the configuration in force there; 0 = not heard yet. */
  readonly version: number
  /** '' and 0 until it was heard to listen (or when control is younger than the worker). */
  readonly host: string
  readonly port: number
}

/** What became of a version that was sent to all workers. */
export type Rollout =
  | { readonly kind: 'taken', readonly workers: number }
  | { readonly kind: 'refused', readonly worker: number, readonly reason: string }
  | { readonly kind: 'late', readonly missing: readonly number[] }

interface Member {
  version: number
  refused: { readonly version: number, readonly reason: string } | null
  host: string
  port: number
  metrics: MetricsState
  /** It has a successor: what it counts still counts, its configuration does not matter any more. */
  leaving: boolean
}

/** The workers, known from their messages: who is there, which version each has taken, what each has counted. */
export class Fleet {
  readonly #members = new Map<number, Member>()
  readonly #watchers = new Set<() => void>()
  /** What workers counted that are gone: without it a counter would go back when a worker is replaced. */
  #departed: MetricsState = NO_METRICS

  hear(worker: number, message: FromWorker): void {
    // Known from its first 'listening' or 'accepted' on: one that refuses before that never served, and what arrives after its end is too late.
    if (message.type !== 'listening' && message.type !== 'accepted' && !this.#members.has(worker)) return
    const member = this.#member(worker)
    if (message.type === 'listening') {
      member.host = message.host
      member.port = message.port
    } else if (message.type === 'accepted') {
      member.version = message.version
    } else if (message.type === 'refused') {
      member.refused = { version: message.version, reason: message.reason }
    } else {
      member.metrics = message.state
    }
    for (const look of this.#watchers) look()
  }

  leaves(worker: number): void {
    const member = this.#members.get(worker)
    if (member === undefined) return
    member.leaving = true
    for (const look of this.#watchers) look()
  }

  exited(worker: number): void {
    const member = this.#members.get(worker)
    if (member === undefined) return
    this.#members.delete(worker)
    this.#departed = addCounted(this.#departed, member.metrics)
    for (const look of this.#watchers) look()
  }

  workers(): readonly WorkerView[] {
    return this.#staying().map(([worker, { version, host, port }]) => ({ worker, version, host, port })).sort((left, right) => left.worker - right.worker)
  }

  /** Of all workers, departed ones included. */
  metrics(): readonly MetricsState[] {
    return [this.#departed, ...[...this.#members.values()].map(member => member.metrics)]
  }

  /** Resolves when every known worker has taken `version` or one has refused it, at the latest after `limitMs`. */
  whenTaken(version: number, limitMs: number): Promise<Rollout> {
    return new Promise(resolve => {
      const finish = (rollout: Rollout): void => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        resolve(rollout)
      }
      const missing = (): number[] => this.#staying().filter(([, member]) => member.version !== version).map(([worker]) => worker)
      const look = (): void => {
        for (const [worker, { refused }] of this.#staying()) if (refused?.version === version) return finish({ kind: 'refused', worker, reason: refused.reason })
        if (missing().length === 0) finish({ kind: 'taken', workers: this.#staying().length })
      }
      const timer = setTimeout(() => finish({ kind: 'late', missing: missing() }), limitMs)
      this.#watchers.add(look)
      look()
    })
  }

  #staying(): [number, Member][] {
    return [...this.#members].filter(([, { leaving }]) => !leaving)
  }

  #member(worker: number): Member {
    let member = this.#members.get(worker)
    if (member === undefined) this.#members.set(worker, member = { version: 0, refused: null, host: '', port: 0, metrics: NO_METRICS, leaving: false })
    return member
  }
}
