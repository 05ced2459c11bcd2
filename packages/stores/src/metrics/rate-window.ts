import type { MetricsState } from '@headrace/contract'

const WINDOW_MS = 10_000

/** Requests and tokens per second over the last 10 s, from the workers' growing counters. */
export class RateWindow {
  #samples: { readonly at: number, readonly requests: number, readonly tokens: number }[] = []

  /** Takes all workers' states of this moment (`now`: monotonic ms). Call it about once per second. */
  add(states: readonly MetricsState[], now: number): void {
    const sample = { at: now, requests: total(states, 'headrace_requests_total'), tokens: total(states, 'headrace_tokens_total{type="input"') + total(states, 'headrace_tokens_total{type="output"') }
    const last = this.#samples.at(-1)
    // A worker was replaced: its counters began again.
    if (last !== undefined && (sample.requests < last.requests || sample.tokens < last.tokens)) this.#samples = []
    this.#samples.push(sample)
    while (this.#samples.length > 2 && now - (this.#samples[1]?.at ?? now) >= WINDOW_MS) this.#samples.shift()
  }

  /** As a state of its own, to be rendered with the workers'. */
  state(): MetricsState {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1000
    const rate = (field: 'requests' | 'tokens'): number => first === undefined || last === undefined || seconds <= 0 ? 0 : (last[field] - first[field]) / seconds
    return { counters: {}, histograms: {}, gauges: { headrace_requests_per_second: rate('requests'), headrace_tokens_per_second: rate('tokens') } }
  }
}

function total(states: readonly MetricsState[], prefix: string): number {
  let sum = 0
  for (const state of states) for (const [name, value] of Object.entries(state.counters)) if (name.startsWith(prefix)) sum += value
  return sum
}
