import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Bench, BenchOptions, BenchResult } from './bench.ts'
import type { Contender } from './relay/contender.ts'
import { startHeadrace, type HeadraceOptions } from './relay/headrace.ts'
import { compileNative, requireTools } from './relay/machinery.ts'
import { median, once, warmUp, type Entry } from './relay/measure.ts'
import { writeRequests, type Load, type Traffic } from './relay/traffic.ts'
import { startUpstreams, type Upstreams } from './relay/upstreams.ts'

const FIGURES: Readonly<Record<string, { readonly traffic: Traffic, readonly logCalls: boolean }>> = Object.freeze({
  json_bare: { traffic: 'json', logCalls: false }, json: { traffic: 'json', logCalls: true },
  sse_burst_bare: { traffic: 'burst', logCalls: false }, sse_burst: { traffic: 'burst', logCalls: true },
  sse_spaced_bare: { traffic: 'spaced', logCalls: false },
})
/** Pairs of fresh processes per figure: two processes of the same code differ by a few per cent, as the compiler and the allocator had their luck. */
const GENERATIONS = 3
const TOLERANCE = 1.02

/**
 * CPU per request of this checkout over that of another one. Both are under the same load at the same time on the same core: what else the machine does, and how
 * much of it, hits both alike, which rounds one after the other do not give on a machine whose load changes by the second. A figure is the lower end of a 95 %
 * interval for the median over all rounds: above 1.02 this checkout has become dearer beyond doubt.
 */
export const against: Bench = {
  name: 'against',
  question: `What does a relayed request cost in CPU, against another checkout of Headrace, whose folder is DIR? (figures: ${Object.keys(FIGURES).join(', ')})`,
  run,
}

type Start = (folder: string, upstreams: Upstreams, options: HeadraceOptions) => Promise<Contender>

async function run(options: BenchOptions): Promise<BenchResult> {
  requireTools()
  const unknown = options.only.find((name) => !Object.hasOwn(FIGURES, name))
  if (unknown !== undefined) throw new Error(`--only: no figure '${unknown}'; there are ${Object.keys(FIGURES).join(', ')}`)
  const startOther = await otherStart(options.operand)
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const upstreams = await startUpstreams(folder)
  try {
    writeRequests(folder, upstreams.plain)
    const load: Load = { program: compileNative('load'), requests: folder }
    const figures: Record<string, number> = {}
    for (const figure of options.only.length > 0 ? options.only : Object.keys(FIGURES)) {
      const ratios: number[] = []
      for (let i = 0; i < GENERATIONS; i++) ratios.push(...await generation(figure, i, { folder, upstreams, load, options, startOther }))
      const { low, high } = medianInterval(ratios)
      options.say(`${figure.padEnd(18)}${median(ratios).toFixed(3)} of the other's   (95 %: ${low.toFixed(3)} to ${high.toFixed(3)}; ${ratios.length} rounds)`)
      figures[figure] = low
    }
    return { figures, targets: Object.fromEntries(Object.keys(figures).map((name) => [name, TOLERANCE])), atLeast: new Set(), voidReason: null }
  } finally {
    await upstreams.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Each checkout starts its worker by its own code, so that configuration and messages are those that it knows. */
async function otherStart(directory: string | null): Promise<Start> {
  const file = join(resolve(directory ?? ''), 'bench/relay/headrace.ts')
  if (directory === null || !existsSync(file)) throw new Error('against wants the folder of another checkout, its packages installed: npm run bench -- against DIR')
  const { startHeadrace: start } = await import(pathToFileURL(file).href) as { startHeadrace: Start } // our own code of another time
  return start
}

interface Rounds { readonly folder: string, readonly upstreams: Upstreams, readonly load: Load, readonly options: BenchOptions, readonly startOther: Start }

/** Two fresh processes; the ratio of every round. Which of them comes first is another one each time. */
async function generation(figure: string, number: number, { folder, upstreams, load, options, startOther }: Rounds): Promise<readonly number[]> {
  const { traffic, logCalls } = FIGURES[figure] as (typeof FIGURES)[string] // checked in `run`
  const home = join(folder, `${figure}-${number}`)
  mkdirSync(home)
  const started: Contender[] = []
  try {
    for (const name of number % 2 === 0 ? ['this', 'other'] : ['other', 'this']) {
      const start = name === 'this' ? startHeadrace : startOther
      started.push(await start(home, upstreams, { name, logCalls, whole: false, cpuProf: options.cpuProf === null ? null : join(options.cpuProf, name) }))
    }
    const entries = started.map((contender): Entry => ({ name: contender.name, contender, traffic }))
    await Promise.all(entries.map(entry => warmUp(entry, load)))
    const costs: Record<string, number[]> = { this: [], other: [] }
    for (let round = 0; round < options.rounds; round++) {
      await Promise.all(entries.map(async entry => { costs[entry.name]?.push((await once(entry, load, options.seconds)).workers) }))
    }
    const { this: own = [], other = [] } = costs
    const ratios = own.map((cost, round) => cost / (other[round] ?? NaN))
    options.say(`${figure.padEnd(18)}${median(ratios).toFixed(3)}   this ${median(own).toFixed(1)} us, other ${median(other).toFixed(1)} us`)
    return ratios
  } finally {
    for (const contender of started.toReversed()) await contender.stop()
  }
}

/** Ranks of a binomial interval: about 95 % for the median, whatever the distribution. */
function medianInterval(values: readonly number[]): { readonly low: number, readonly high: number } {
  const sorted = values.toSorted((left, right) => left - right)
  const rank = Math.max(0, Math.floor(sorted.length / 2 - 0.98 * Math.sqrt(sorted.length)))
  return { low: sorted[rank] ?? NaN, high: sorted[sorted.length - 1 - rank] ?? NaN }
}
