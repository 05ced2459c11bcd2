import type { ErrorKind, MetricsState, ShadowRule } from '@headrace/contract'

/** Models that are counted by themselves; the rest share one entry, and its bound. */
const MOST_MODELS = 1_000

interface Entry { running: number, costNano: number, readonly results: Map<string, number> }

/** Which requests have shadows, and how many run: one per worker. */
export class ShadowBook {
  readonly #random: () => number
  readonly #entries = new Map<string, Entry>()

  /** `random`: 0 .. 1. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** A request of the model is to have one, if there is room. */
  wants(rule: ShadowRule): boolean {
    return this.#random() < rule.share
  }

  /** False = there are as many as may be. Else `end` is to follow. */
  begin(rule: ShadowRule): boolean {
    const entry = this.#entry(rule.name)
    if (entry.running >= rule.concurrency) return false
    entry.running++
    return true
  }

  end(rule: ShadowRule): void {
    this.#entry(rule.name).running--
  }

  /** `costNano` < 0 = unknown. */
  count(rule: ShadowRule, result: 'ok' | 'skipped' | ErrorKind, costNano: number): void {
    const entry = this.#entry(rule.name)
    entry.results.set(result, (entry.results.get(result) ?? 0) + 1)
    if (costNano > 0) entry.costNano += costNano
  }

  /** Adds the shadows' series to a worker's metrics. */
  addTo(metrics: MetricsState): MetricsState {
    if (this.#entries.size === 0) return metrics
    const counters: Record<string, number> = { ...metrics.counters }
    for (const [name, { results, costNano }] of this.#entries) {
      const model = `model="${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
      for (const [result, count] of results) counters[`headrace_shadows_total{${model},result="${result}"}`] = count
      if (costNano > 0) counters[`headrace_shadow_cost_nanodollars_total{${model}}`] = costNano
    }
    return { ...metrics, counters }
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      if (this.#entries.size >= MOST_MODELS && name !== 'other') return this.#entry('other')
      this.#entries.set(name, entry = { running: 0, costNano: 0, results: new Map() })
    }
    return entry
  }
}
