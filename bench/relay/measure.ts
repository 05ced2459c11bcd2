import type { Contender } from './contender.ts'
import { cpuNanoseconds } from './process-cost.ts'
import { CHUNKS, runLoad, SHAPES, type Load, type LoadResult, type Traffic } from './traffic.ts'

/** One contender under one traffic. `name` labels the row. */
export interface Entry {
  readonly name: string
  readonly contender: Contender
  readonly traffic: Traffic
  /** One odd-shaped request first on each connection. */
  readonly odd?: boolean
  readonly file?: string
}

/** Medians over the rounds; CPU in microseconds per request, or per chunk for spaced streams. */
export interface Cost {
  readonly workers: number
  readonly all: number
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly errors: number
}

/** Requests until V8 has compiled what is hot: how many seconds that takes depends on what else the machine does. Those of spaced streams are of the same code. */
const WARM_UP: Readonly<Record<Traffic, number>> = Object.freeze({ json: 40_000, half: 40_000, tls: 40_000, burst: 20_000, spaced: 400, hold: 0 })
const WARM_UP_SECONDS = 20

/** Interleaves the entries over the rounds, the order reversed every other round. An entry whose answers fail is an error, not a number. */
export async function compare(entries: readonly Entry[], load: Load, rounds: number, seconds: number): Promise<ReadonlyMap<string, Cost>> {
  const samples = new Map<string, Cost[]>(entries.map(({ name }) => [name, []]))
  for (const entry of entries) await warmUp(entry, load)
  for (let round = 0; round < rounds; round++) {
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) samples.get(entry.name)?.push(await once(entry, load, seconds))
  }
  return new Map([...samples].map(([name, costs]) => [name, {
    workers: median(costs.map((cost) => cost.workers)), all: median(costs.map((cost) => cost.all)), perSecond: median(costs.map((cost) => cost.perSecond)),
    p50Us: median(costs.map((cost) => cost.p50Us)), p99Us: median(costs.map((cost) => cost.p99Us)), errors: costs.reduce((sum, cost) => sum + cost.errors, 0),
  }]))
}

/** Load until a contender is as fast as it will be, or for 20 s. */
export async function warmUp(entry: Entry, load: Load): Promise<void> {
  const { contender, traffic } = entry
  await runLoad(load, contender.port(traffic), traffic, { seconds: WARM_UP_SECONDS, count: WARM_UP[traffic], ...options(entry) })
}

/**
 * Loads two entries at the same time, so that whatever else the machine does falls on both alike. `ratio`: worker CPU of the second as a share of the first's, the median over the rounds.
 * Costs are higher than by themselves.
 */
export async function sideBySide(first: Entry, second: Entry, load: Load, rounds: number, seconds: number): Promise<{ readonly ratio: number, readonly costs: readonly [number, number] }> {
  await Promise.all([warmUp(first, load), warmUp(second, load)])
  const pairs: (readonly [Cost, Cost])[] = []
  for (let round = 0; round < rounds; round++) pairs.push(await Promise.all([once(first, load, seconds), once(second, load, seconds)]))
  return {
    ratio: median(pairs.map(([one, other]) => other.workers / one.workers)),
    costs: [median(pairs.map(([cost]) => cost.workers)), median(pairs.map(([, cost]) => cost.workers))],
  }
}

/** One run of load; fails where answers do. */
export async function once(entry: Entry, load: Load, seconds: number): Promise<Cost> {
  const { contender, traffic } = entry
  const workers = contender.workers()
  const all = contender.all()
  const before = { workers: cpuNanoseconds(workers), all: cpuNanoseconds(all) }
  // Spaced streams are counted whole: every connection has the same number of them, so that none is cut at the end.
  const limits = traffic === 'spaced' ? { seconds: 15, count: SHAPES.spaced.connections * Math.max(1, Math.round(seconds)) } : { seconds }
  const result = await runLoad(load, contender.port(traffic), traffic, {
    ...limits, ...options(entry),
  })
  check(entry, result)
  const units = result.ok * (traffic === 'spaced' ? CHUNKS : 1) * 1000
  return {
    workers: (cpuNanoseconds(workers) - before.workers) / units, all: (cpuNanoseconds(all) - before.all) / units,
    perSecond: result.ok / result.seconds, p50Us: result.p50Us, p99Us: result.p99Us, errors: result.errors,
  }
}

const options = ({ odd, file }: Pick<Entry, 'odd' | 'file'>) => ({ ...(odd === undefined ? {} : { odd }), ...(file === undefined ? {} : { file }) })

function check(entry: Entry, result: LoadResult): void {
  if (result.ok > 0 && result.errors <= result.ok / 1000) return
  throw new Error(`${entry.name} (${entry.traffic}): ${result.ok} good answers, ${result.errors} bad: no number can be had from that.`)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] ?? NaN : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}
