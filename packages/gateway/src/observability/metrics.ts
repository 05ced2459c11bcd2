import { LogHistogram } from '@headrace/bytes'
import type { Exchange, MetricsState } from '@headrace/contract'

export interface Metrics {
  /** A request began. Every request that began must be observed with `final` once. */
  begin(): void
  /** One attempt ended; `final`: and the request with it. */
  observe(exchange: Exchange, final: boolean): void
  /** Everything since the start, for sending to another process. */
  exportState(): MetricsState
}

/** Public model names that get series of their own; the rest share `other`. */
const MODEL_LIMIT = 1000

export function createMetrics(): Metrics {
  return new MetricsRegistry()
}

/** All series of one public model at one provider. */
class Series {
  readonly labels: string
  readonly statuses = new Map<number, number>()
  readonly attempts = new Map<string, number>()
  readonly firstToken = new LogHistogram()
  readonly interToken = new LogHistogram()
  readonly overhead = new LogHistogram()
  readonly request = new LogHistogram()
  input = 0
  output = 0
  cachedInput = 0
  reasoning = 0
  cost = 0

  constructor(model: string, provider: string) {
    this.labels = `model="${escapeLabel(model)}",provider="${escapeLabel(provider)}"`
  }
}

class MetricsRegistry implements Metrics {
  readonly #models = new Map<string, Map<string, Series>>()
  #inFlight = 0

  begin(): void {
    this.#inFlight++
  }

  observe(x: Exchange, final: boolean): void {
    // Only a planned name is a label: what clients invent is not.
    const series = this.#series(x.plan === null ? '' : x.plan.model, x.target === null ? '' : x.target.provider)
    if (x.attempts > x.attemptsCounted) {
      x.attemptsCounted = x.attempts
      increment(series.attempts, x.error ?? 'ok')
      if (x.costNano > 0) series.cost += x.costNano
    }
    if (!final) return
    if (this.#inFlight > 0) this.#inFlight--
    increment(series.statuses, x.status)
    series.request.record((x.settledAt - x.startedAt) / 1000)
    const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens } = x.usage
    if (inputTokens > 0) series.input += inputTokens
    if (outputTokens > 0) series.output += outputTokens
    if (cachedInputTokens > 0) series.cachedInput += cachedInputTokens
    if (reasoningTokens > 0) series.reasoning += reasoningTokens
    if (x.firstByteAt === 0 || x.committedAt === 0) return
    if (x.attempts === 1) series.overhead.record((x.sentAt - x.startedAt - x.queuedMs + (x.stream ? x.committedAt - x.firstByteAt : 0)) / 1000)
    if (!x.stream) return
    series.firstToken.record((x.committedAt - x.startedAt) / 1000)
    if (outputTokens > 1) series.interToken.record((x.settledAt - x.firstByteAt) / (outputTokens - 1) / 1000)
  }

  exportState(): MetricsState {
    const counters: Record<string, number> = {}
    const histograms: Record<string, MetricsState['histograms'][string]> = {}
    const histogram = (name: string, labels: string, values: LogHistogram): void => {
      if (values.count > 0) histograms[`${name}{${labels}}`] = { buckets: values.filled(), sum: values.sum, count: values.count }
    }
    for (const providers of this.#models.values()) {
      for (const series of providers.values()) {
        const { labels } = series
        for (const [status, count] of series.statuses) counters[`headrace_requests_total{${labels},status="${status}"}`] = count
        for (const [result, count] of series.attempts) counters[`headrace_attempts_total{${labels},result="${result}"}`] = count
        const tokens = { input: series.input, output: series.output, cached_input: series.cachedInput, reasoning: series.reasoning }
        for (const [type, count] of Object.entries(tokens)) if (count > 0) counters[`headrace_tokens_total{type="${type}",${labels}}`] = count
        if (series.cost > 0) counters[`headrace_cost_nanodollars_total{${labels}}`] = series.cost
        histogram('headrace_time_to_first_token_seconds', labels, series.firstToken)
        histogram('headrace_inter_token_seconds', labels, series.interToken)
        histogram('headrace_overhead_seconds', labels, series.overhead)
        histogram('headrace_request_seconds', labels, series.request)
      }
    }
    return { counters, histograms, gauges: { headrace_in_flight: this.#inFlight, [`headrace_build_info{node="${process.versions.node}"}`]: 1 } }
  }

  /** Two lookups by strings whose hashes are cached: about 30 ns, where building a key would cost ten times that. */
  #series(model: string, provider: string): Series {
    let providers = this.#models.get(model)
    if (providers === undefined) {
      if (model !== 'other' && this.#models.size >= MODEL_LIMIT) return this.#series('other', provider)
      this.#models.set(model, providers = new Map())
    }
    let series = providers.get(provider)
    if (series === undefined) providers.set(provider, series = new Series(model, provider))
    return series
  }
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
