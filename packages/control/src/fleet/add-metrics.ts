import type { MetricsState } from '@headrace/contract'

export const NO_METRICS: MetricsState = Object.freeze({ counters: {}, gauges: {}, histograms: {} })

/** What both have counted. Gauges are of a living worker and are left out: this is for keeping what departed ones counted. */
export function addCounted(left: MetricsState, right: MetricsState): MetricsState {
  const counters: Record<string, number> = { ...left.counters }
  for (const [name, value] of Object.entries(right.counters)) counters[name] = (counters[name] ?? 0) + value
  const histograms: Record<string, MetricsState['histograms'][string]> = { ...left.histograms }
  for (const [name, histogram] of Object.entries(right.histograms)) {
    const before = histograms[name]
    histograms[name] = before === undefined ? histogram : { buckets: addBuckets(before.buckets, histogram.buckets), sum: before.sum + histogram.sum, count: before.count + histogram.count }
  }
  return { counters, gauges: {}, histograms }
}

type Buckets = MetricsState['histograms'][string]['buckets']

function addBuckets(left: Buckets, right: Buckets): Buckets {
  const sums = new Map(left)
  for (const [index, count] of right) sums.set(index, (sums.get(index) ?? 0) + count)
  return [...sums]
}
