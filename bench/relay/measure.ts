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

const WARM_UP_SECONDS = 1.5

/** Interleaves the entries over the rounds, the order reversed every other round. An entry whose answers fail is an error, not a number. */
export async function compare(entries: readonly Entry[], load: Load, rounds: number, seconds: number): Promise<ReadonlyMap<string, Cost>> {
  const samples = new Map<string, Cost[]>(entries.map(({ name }) => [name, []]))
  for (const entry of entries) await once(entry, load, WARM_UP_SECONDS)
  for (let round = 0; round < rounds; round++) {
    for (const entry of round % 2 === 0 ? entries : entries.toReversed()) samples.get(entry.name)?.push(await once(entry, load, seconds))
  }
  return new Map([...samples].map(([name, costs]) => [name, {
    workers: median(costs.map((cost) => cost.workers)), all: median(costs.map((cost) => cost.all)), perSecond: median(costs.map((cost) => cost.perSecond)),
    p50Us: median(costs.map((cost) => cost.p50Us)), p99Us: median(costs.map((cost) => cost.p99Us)), errors: costs.reduce((sum, cost) => sum + cost.errors, 0),
  }]))
}

async function once(entry: Entry, load: Load, seconds: number): Promise<Cost> {
  const { contender, traffic } = entry
  const workers = contender.workers()
  const all = contender.all()
  const before = { workers: cpuNanoseconds(workers), all: cpuNanoseconds(all) }
  // Spaced streams are counted whole: every connection has the same number of them, so that none is cut at the end.
  const limits = traffic === 'spaced' ? { seconds: 15, count: SHAPES.spaced.connections * Math.max(1, Math.round(seconds)) } : { seconds }
  const result = await runLoad(load, contender.port(traffic), traffic, {
    ...limits, ...(entry.odd === undefined ? {} : { odd: entry.odd }), ...(entry.file === undefined ? {} : { file: entry.file }),
  })
  check(entry, result)
  const units = result.ok * (traffic === 'spaced' ? CHUNKS : 1) * 1000
  return {
    workers: (cpuNanoseconds(workers) - before.workers) / units, all: (cpuNanoseconds(all) - before.all) / units,
    perSecond: result.ok / result.seconds, p50Us: result.p50Us, p99Us: result.p99Us, errors: result.errors,
  }
}

function check(entry: Entry, result: LoadResult): void {
  if (result.ok > 0 && result.errors <= result.ok / 1000) return
  throw new Error(`${entry.name} (${entry.traffic}): ${result.ok} good answers, ${result.errors} bad: no number can be had from that.`)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] ?? NaN : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}
