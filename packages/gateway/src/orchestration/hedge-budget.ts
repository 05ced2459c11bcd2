import type { HedgeRule, MetricsState } from '@headrace/contract'

/**
 * How a hedge ended: it was faster, the first attempt was, it failed, the first attempt failed and it went on; or it was not sent, because no target was free
 * for it or a budget had no room.
 */
export type HedgeResult = 'won' | 'lost' | 'failed' | 'took-over' | 'denied'

/** Hedges in store at most, all workers together; and in one worker, however many there are: with less, what is earned is lost. */
const MOST_TOKENS = 10
const LEAST_STORE = 3
/** Models with a store of their own; the rest share one. */
const MOST_MODELS = 1_000

interface Store { tokens: number, readonly counts: Map<HedgeResult, number> }

/**
 * Bounds what hedging adds: each request of a model earns its share of a hedge, in the worker that runs it, and each hedge costs a whole one. What every
 * worker keeps for its own requests holds for all of them together, so nothing is shared but the size of the store.
 */
export class HedgeBudget {
  readonly #workers: () => number
  readonly #stores = new Map<string, Store>()

  constructor(workers: () => number) {
    this.#workers = workers
  }

  /** A request of the model was sent. */
  earn(rule: HedgeRule): void {
    const store = this.#store(rule.name)
    store.tokens = Math.min(Math.max(LEAST_STORE, MOST_TOKENS / this.#workers()), store.tokens + rule.share)
  }

  /** Whether one may be sent. The last one in store is for requests that have waited for `long`: those that are only a little slower than usual are many. */
  has(rule: HedgeRule, long: boolean): boolean {
    return this.#store(rule.name).tokens >= (long ? 1 : 2)
  }

  /** Uses up what `has` has said is there. */
  spend(rule: HedgeRule): void {
    this.#store(rule.name).tokens -= 1
  }

  count(rule: HedgeRule, result: HedgeResult): void {
    const { counts } = this.#store(rule.name)
    counts.set(result, (counts.get(result) ?? 0) + 1)
  }

  /** Adds the hedges' series to a worker's metrics. */
  addTo(metrics: MetricsState): MetricsState {
    if (this.#stores.size === 0) return metrics
    const counters: Record<string, number> = { ...metrics.counters }
    for (const [name, { counts }] of this.#stores) {
      const model = `model="${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
      for (const [result, count] of counts) counters[`headrace_hedges_total{${model},result="${result}"}`] = count
    }
    return { ...metrics, counters }
  }

  #store(name: string): Store {
    let store = this.#stores.get(name)
    if (store === undefined) {
      if (this.#stores.size >= MOST_MODELS && name !== 'other') return this.#store('other')
      this.#stores.set(name, store = { tokens: 0, counts: new Map() })
    }
    return store
  }
}
