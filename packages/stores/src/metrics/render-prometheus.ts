import { bucketBound } from '@headrace/bytes'
import type { MetricsState } from '@headrace/contract'

/** Upper bounds in seconds that every histogram is shown with. */
const BOUNDS = Object.freeze([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600])

const HELP: Readonly<Record<string, string>> = Object.freeze({
  headrace_requests_total: 'Requests answered, by public model, provider and HTTP status.',
  headrace_hedges_total: 'Second attempts beside slow ones, by how they ended: won, lost, failed, took-over, denied (not sent).',
  headrace_shadows_total: 'Copies of requests to shadow targets, by result: ok or the error kind, or skipped (not sent).',
  headrace_shadow_cost_nanodollars_total: 'What shadows cost. It is in no other series and in no budget.',
  headrace_attempts_total: 'Upstream attempts ended, by result (ok or the error kind).',
  headrace_tokens_total: 'Tokens as counted by providers; input includes cached, output includes reasoning (gen_ai.client.token.usage).',
  headrace_time_to_first_token_seconds: 'From the request\'s arrival to the first byte to the client, streams only (gen_ai.server.time_to_first_token).',
  headrace_inter_token_seconds: 'Mean time per output token after the first, per stream (gen_ai.server.time_per_output_token).',
  headrace_overhead_seconds: 'Time spent in the gateway: before sending, and for streams between the first byte in and the first byte out. Left out: what JSON answers take after the provider\'s last byte; requests with more than one attempt.',
  headrace_request_seconds: 'From arrival to the end of the answer (gen_ai.client.operation.duration).',
  headrace_in_flight: 'Requests begun and not ended.',
  headrace_build_info: 'Always 1.',
  headrace_requests_per_second: 'Requests answered per second, over the last 10 s.',
  headrace_tokens_per_second: 'Tokens per second, over the last 10 s.',
})

interface Merged { readonly buckets: Map<number, number>, sum: number, count: number }

/** Prometheus text exposition format 0.0.4 of all workers together: counters, gauges and histograms of the same series are added up. */
export function renderPrometheus(states: readonly MetricsState[]): string {
  const lines: string[] = []
  renderNumbers(lines, 'counter', states.map(state => state.counters))
  renderNumbers(lines, 'gauge', states.map(state => state.gauges))
  for (const [family, series] of byFamily(mergeHistograms(states))) {
    header(lines, family, 'histogram')
    for (const [name, merged] of series) renderHistogram(lines, name, merged)
  }
  return lines.join('\n') + '\n'
}

function renderNumbers(lines: string[], type: string, states: readonly Readonly<Record<string, number>>[]): void {
  const sums = new Map<string, number>()
  // What describes the build is the same for every worker, not more with each.
  for (const state of states) for (const [name, value] of Object.entries(state)) sums.set(name, name.startsWith('headrace_build_info') ? 1 : (sums.get(name) ?? 0) + value)
  for (const [family, series] of byFamily(sums)) {
    header(lines, family, type)
    for (const [name, value] of series) lines.push(`${name} ${value}`)
  }
}

function renderHistogram(lines: string[], name: string, merged: Merged): void {
  const brace = name.indexOf('{')
  const family = brace === -1 ? name : name.slice(0, brace)
  const labels = brace === -1 ? '' : name.slice(brace + 1, -1)
  const withBound = (bound: string): string => `${family}_bucket{${labels}${labels === '' ? '' : ','}le="${bound}"}`
  const buckets = [...merged.buckets].sort(([a], [b]) => a - b)
  let counted = 0
  let next = 0
  for (const bound of BOUNDS) {
    for (let bucket = buckets[next]; bucket !== undefined && bucketBound(bucket[0]) <= bound * 1.02; bucket = buckets[++next]) counted += bucket[1]
    lines.push(`${withBound(String(bound))} ${counted}`)
  }
  const suffix = labels === '' ? '' : `{${labels}}`
  lines.push(`${withBound('+Inf')} ${merged.count}`, `${family}_sum${suffix} ${merged.sum}`, `${family}_count${suffix} ${merged.count}`)
}

function mergeHistograms(states: readonly MetricsState[]): Map<string, Merged> {
  const all = new Map<string, Merged>()
  for (const state of states) {
    for (const [name, histogram] of Object.entries(state.histograms)) {
      const merged = all.get(name) ?? { buckets: new Map<number, number>(), sum: 0, count: 0 }
      all.set(name, merged)
      for (const [index, count] of histogram.buckets) merged.buckets.set(index, (merged.buckets.get(index) ?? 0) + count)
      merged.sum += histogram.sum
      merged.count += histogram.count
    }
  }
  return all
}

/** All series of a family must stand together. */
function byFamily<T>(series: ReadonlyMap<string, T>): Map<string, [string, T][]> {
  const families = new Map<string, [string, T][]>()
  for (const [name, value] of series) {
    const family = name.split('{', 1)[0] ?? name
    const members = families.get(family) ?? []
    families.set(family, members)
    members.push([name, value])
  }
  return families
}

function header(lines: string[], family: string, type: string): void {
  const help = HELP[family]
  if (help !== undefined) lines.push(`# HELP ${family} ${help}`)
  lines.push(`# TYPE ${family} ${type}`)
}
