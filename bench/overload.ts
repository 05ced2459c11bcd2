import { API_KEY, startHeadrace, type Headrace } from '../test/harness/start-headrace.ts'
import type { Bench, BenchOptions, BenchResult } from './bench.ts'
import { goodput, openLoop, type Asked } from './overload/open-loop.ts'

const TARGETS: Readonly<Record<string, number>> = Object.freeze({ goodput_1x: 0.9, goodput_2x: 0.9, goodput_5x: 0.7, goodput_10x: 0.5, neighbour_10x: 0.95, recovery_s: 10 })

export const overload: Bench = {
  name: 'overload',
  question: `How much of an engine's capacity is useful work when more comes than it can do? (figures: ${Object.keys(TARGETS).join(', ')})`,
  run,
}

/** The engine: ten answers at a time of 200 ms each; a client waits a second. */
const PLACES = 10
const SERVICE_MS = 200
const PER_SECOND = PLACES * 1_000 / SERVICE_MS
const DEADLINE_MS = 1_000
/** What is not counted at the beginning of each load, s: the queue comes to stand in it. */
const WARM_S = 3
const NEIGHBOUR_KEY = 'hr_bench_neighbour_0123456789abcdef'

const engineModel = (id: string): string => `sandbox/lorem:tokens=4,ttft=${SERVICE_MS}ms,capacity=${PLACES},id=${id}`

async function run(options: BenchOptions): Promise<BenchResult> {
  const rounds: Record<string, number[]> = {}
  const note = (name: string, value: number): void => { (rounds[name] ??= []).push(value) }
  const headrace = await startHeadrace({
    config: { capacity: { [engineModel('guarded')]: PLACES }, keys: [{ name: 'neighbour', key: NEIGHBOUR_KEY }] }, args: ['--workers', '2'],
  })
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const times of [1, 2, 5, 10]) note(`goodput_${times}x`, await useful(headrace, 'guarded', times, options.seconds))
      note('neighbour_10x', await neighbour(headrace, options.seconds))
      note('recovery_s', await recovery(headrace, 'guarded'))
      for (const times of [1, 2, 5, 10]) note(`uncontrolled_${times}x`, await useful(headrace, 'open', times, options.seconds))
      note('uncontrolled_recovery_s', await recovery(headrace, 'open'))
    }
  } finally {
    await headrace.stop()
  }
  const figures = Object.fromEntries(Object.entries(rounds).map(([name, values]) => [name, median(values)]))
  for (const [name, value] of Object.entries(figures)) options.say(`${name.padEnd(26)} ${value.toFixed(3)}`)
  return { figures, targets: TARGETS, atLeast: new Set(Object.keys(TARGETS).filter(name => name !== 'recovery_s')), voidReason: null }
}

function load(headrace: Headrace, model: string, times: number, seconds: number, key = API_KEY): Promise<Asked[]> {
  return openLoop({ port: headrace.port, key, model: engineModel(model), perSecond: PER_SECOND * times, seconds, deadlineMs: DEADLINE_MS })
}

/** Useful answers as a share of what the engine can do. */
async function useful(headrace: Headrace, model: string, times: number, seconds: number): Promise<number> {
  const asked = await load(headrace, model, times, WARM_S + seconds)
  return goodput(asked, WARM_S * 1_000, (WARM_S + seconds) * 1_000) / PER_SECOND
}

/** Of a key that asks for a quarter of the engine, the share that is answered in time while another one asks for ten engines. */
async function neighbour(headrace: Headrace, seconds: number): Promise<number> {
  const [, asked] = await Promise.all([load(headrace, 'guarded', 10, WARM_S + seconds), load(headrace, 'guarded', 0.25, WARM_S + seconds, NEIGHBOUR_KEY)])
  const counted = asked.filter(({ sentAt }) => sentAt >= WARM_S * 1_000)
  return counted.filter(({ good }) => good).length / counted.length
}

/** Seconds from the end of a tenfold load until 95 % of what comes at 80 % of the capacity is answered in time again. */
async function recovery(headrace: Headrace, model: string): Promise<number> {
  await Promise.all([load(headrace, model, 10, WARM_S), new Promise(resolve => setTimeout(resolve, WARM_S * 1_000))])
  const seconds = 6
  const asked = await load(headrace, model, 0.8, seconds)
  for (let from = 0; from < seconds * 1_000; from += 250) {
    const after = asked.filter(({ sentAt }) => sentAt >= from)
    if (after.length > 0 && after.filter(({ good }) => good).length >= 0.95 * after.length) return from / 1_000
  }
  return seconds
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
