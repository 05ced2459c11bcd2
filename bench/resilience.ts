import type { Bench, BenchOptions, BenchResult } from './bench.ts'
import { coalesceUpstreamCalls } from './resilience/coalescing.ts'
import { hedging } from './resilience/hedging.ts'
import { pacing } from './resilience/pacing.ts'
import { relayOverPlain } from './resilience/relay-over-plain.ts'

const TARGETS: Readonly<Record<string, number>> = Object.freeze({ relay_over_plain: 1.08, pacing_used: 0.97, pacing_429: 0.005, hedge_p99: 0.35, hedge_extra: 0.05, coalesce_upstream_calls: 1 })
const AT_LEAST: ReadonlySet<string> = new Set(['pacing_used'])
/** Loads that have to become steady last so many times `--seconds`. */
const STEADY_TIMES = 10

export const resilience: Bench = {
  name: 'resilience',
  question: `What do rescue, hedging, pacing and coalescing cost, and what do they give? (figures: ${Object.keys(TARGETS).join(', ')})`,
  run,
}

async function run(options: BenchOptions): Promise<BenchResult> {
  const unknown = options.only.find(name => !Object.hasOwn(TARGETS, name))
  if (unknown !== undefined) throw new Error(`--only: no figure '${unknown}'; there are ${Object.keys(TARGETS).join(', ')}`)
  const wants = (...names: readonly string[]): boolean => options.only.length === 0 || names.some(name => options.only.includes(name))
  const figures: Record<string, number> = {}
  if (wants('relay_over_plain')) {
    const ratios = await relayOverPlain(options)
    figures['relay_over_plain'] = Math.max(...Object.values(ratios))
    for (const [traffic, ratio] of Object.entries(ratios)) figures[`relay_over_plain_${traffic}`] = ratio
  }
  if (wants('pacing_used', 'pacing_429')) {
    const { used, refused } = await pacing(STEADY_TIMES * options.seconds)
    figures['pacing_used'] = used
    figures['pacing_429'] = refused
  }
  if (wants('hedge_p99', 'hedge_extra')) {
    const { p99, extra, ms: [hedged, plain] } = await hedging(STEADY_TIMES * options.seconds)
    figures['hedge_p99'] = p99
    figures['hedge_extra'] = extra
    options.say(`p99 of the time to the first byte: ${hedged.toFixed(0)} ms hedged, ${plain.toFixed(0)} ms not`)
  }
  if (wants('coalesce_upstream_calls')) figures['coalesce_upstream_calls'] = await coalesceUpstreamCalls()
  for (const [name, value] of Object.entries(figures)) options.say(`${name.padEnd(26)} ${value.toFixed(4)}`)
  return { figures, targets: Object.fromEntries(Object.entries(TARGETS).filter(([name]) => wants(name))), atLeast: AT_LEAST, voidReason: null }
}
