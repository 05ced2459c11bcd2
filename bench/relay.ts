import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Bench, BenchOptions, BenchResult } from './bench.ts'
import type { Contender } from './relay/contender.ts'
import { COMMAND, startHeadrace } from './relay/headrace.ts'
import { compileNative, requireTools } from './relay/machinery.ts'
import { compare, type Cost, type Entry } from './relay/measure.ts'
import { startNginx } from './relay/nginx.ts'
import { startPortkey } from './relay/portkey.ts'
import { residentKib } from './relay/process-cost.ts'
import { startReference } from './relay/reference.ts'
import { holdStreams, runLoad, writeRequests, type Load, type Traffic } from './relay/traffic.ts'
import { startUpstreams, type Upstreams } from './relay/upstreams.ts'

const TARGETS: Readonly<Record<string, number>> = Object.freeze({
  json_bare: 1.3, sse_burst_bare: 0.8, sse_spaced_bare: 1.3, json: 1.6, sse_burst: 0.95, sse_spaced: 1.4, json_all: 2.2, json_slow_lane: 2.2,
  json_tls: 1.7, portkey_over_headrace: 25, kib_per_stream: 40, rss_growth_mib_per_million: 10, cost_ratio_10k: 1.05,
})
const AT_LEAST: ReadonlySet<string> = new Set(['portkey_over_headrace'])
/** A slower nginx means that something else had the machine. */
const NGINX_LIMIT_US = 30

export const relay: Bench = {
  name: 'relay',
  question: `What does a relayed request cost in CPU, measured against nginx in the same run? (figures: ${Object.keys(TARGETS).join(', ')})`,
  run,
}

/** What all measurements of one run share. */
interface Run {
  readonly options: BenchOptions
  readonly folder: string
  readonly upstreams: Upstreams
  readonly load: Load
  readonly nginx: Contender
  readonly figures: Record<string, number>
  wants(...figures: readonly string[]): boolean
  voidReason: string | null
}

async function run(options: BenchOptions): Promise<BenchResult> {
  requireTools()
  const unknown = options.only.find((name) => !Object.hasOwn(TARGETS, name) && name !== 'reference')
  if (unknown !== undefined) throw new Error(`--only: no figure '${unknown}'; there are ${Object.keys(TARGETS).join(', ')}, reference`)
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const started: { stop(): Promise<void> }[] = []
  try {
    const upstreams = await startUpstreams(folder)
    started.push(upstreams)
    writeRequests(folder, upstreams.plain)
    const nginx = await startNginx(folder, upstreams)
    started.push(nginx)
    const state: Run = {
      options, folder, upstreams, nginx, load: { program: compileNative('load'), requests: folder }, figures: {}, voidReason: null,
      wants: (...figures) => options.only.length === 0 || figures.some((figure) => options.only.includes(figure)),
    }
    await measureAll(state)
    const targets = Object.fromEntries(Object.entries(TARGETS).filter(([name]) => state.wants(name)))
    return { figures: state.figures, targets, atLeast: AT_LEAST, voidReason: state.voidReason }
  } finally {
    for (const part of started.toReversed()) await part.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureAll(state: Run): Promise<void> {
  const steps: readonly (readonly [figures: readonly string[], measure: (state: Run) => Promise<void>])[] = [
    [['json_bare', 'sse_burst_bare', 'sse_spaced_bare', 'json', 'sse_burst', 'sse_spaced', 'json_all', 'json_slow_lane', 'json_tls', 'portkey_over_headrace', 'reference'], measureCosts],
    [['cost_ratio_10k'], measureManyEntries],
    [['kib_per_stream'], measureHeldStreams],
    [['rss_growth_mib_per_million'], measureMemory],
  ]
  for (const [figures, measure] of steps) {
    if (!state.wants(...figures)) continue
    try {
      await measure(state)
    } catch (error) {
      // The other figures are still worth having; those missing fail the bench.
      state.options.say(`FAILED ${figures.join(', ')}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

async function measureCosts(state: Run): Promise<void> {
  const { options, folder, upstreams } = state
  const running: Contender[] = []
  const start = async (contender: Promise<Contender | null>, what: string): Promise<Contender | null> => {
    try {
      const begun = await contender
      if (begun !== null) running.push(begun)
      return begun
    } catch (error) {
      options.say(`skipped: ${what} (${error instanceof Error ? error.message : String(error)})`)
      return null
    }
  }
  try {
    const whole = existsSync(COMMAND)
    if (!whole) options.say('skipped: json_all (there is no `headrace` command yet; the worker runs alone)')
    const bare = await start(startHeadrace(folder, upstreams, { name: 'headrace, log off', logCalls: false, whole: false, cpuProf: options.cpuProf }), 'headrace, log off')
    const full = await start(startHeadrace(folder, upstreams, { name: 'headrace', logCalls: true, whole }), 'headrace')
    const reference = options.only.length === 0 || options.only.includes('reference') ? await start(startReference(upstreams), 'reference') : null
    const portkey = state.wants('portkey_over_headrace') ? await start(startPortkey(options.say), 'portkey') : null
    await measureJson(state, { bare, full, reference, portkey, whole })
    for (const traffic of ['burst', 'spaced'] as const) await measureStreams(state, traffic, { bare, full, reference })
    await measureTls(state, full)
  } finally {
    for (const contender of running.toReversed()) await contender.stop()
  }
}

interface Field { readonly bare: Contender | null, readonly full: Contender | null, readonly reference: Contender | null }

async function measureJson(state: Run, field: Field & { readonly portkey: Contender | null, readonly whole: boolean }): Promise<void> {
  if (!state.wants('json_bare', 'json', 'json_all', 'json_slow_lane', 'portkey_over_headrace', 'reference')) return
  const entries = lineUp(state, 'json', field)
  if (field.full !== null && state.wants('json_slow_lane')) entries.push({ name: 'headrace, slow lane', contender: field.full, traffic: 'json', odd: true })
  if (field.portkey !== null) entries.push({ name: 'portkey', contender: field.portkey, traffic: 'json', file: 'portkey-json' })
  const costs = await report(state, 'json', entries)
  const yardstick = costs.get('nginx')?.workers ?? NaN
  if (!(yardstick <= NGINX_LIMIT_US)) state.voidReason = `nginx itself cost ${yardstick.toFixed(1)} us per JSON request, more than ${NGINX_LIMIT_US}: the machine is busy or slow.`
  ratio(state, 'json_bare', costs.get('headrace, log off')?.workers, yardstick)
  ratio(state, 'json', costs.get('headrace')?.workers, yardstick)
  ratio(state, 'json_all', field.whole ? costs.get('headrace')?.all : undefined, yardstick)
  ratio(state, 'json_slow_lane', costs.get('headrace, slow lane')?.workers, yardstick)
  ratio(state, 'reference', costs.get('node:http + undici')?.workers, yardstick)
  ratio(state, 'portkey_over_headrace', costs.get('portkey')?.workers, costs.get('headrace')?.workers)
}

async function measureStreams(state: Run, traffic: 'burst' | 'spaced', field: Field): Promise<void> {
  if (!state.wants(`sse_${traffic}`, `sse_${traffic}_bare`)) return
  const costs = await report(state, traffic, lineUp(state, traffic, field))
  const yardstick = costs.get('nginx')?.workers
  ratio(state, `sse_${traffic}_bare`, costs.get('headrace, log off')?.workers, yardstick)
  ratio(state, `sse_${traffic}`, costs.get('headrace')?.workers, yardstick)
}

async function measureTls(state: Run, full: Contender | null): Promise<void> {
  if (full === null || !state.wants('json_tls')) return
  const costs = await report(state, 'tls', lineUp(state, 'tls', { bare: null, full, reference: null }))
  ratio(state, 'json_tls', costs.get('headrace')?.workers, costs.get('nginx')?.workers)
}

function lineUp(state: Run, traffic: Traffic, field: Field): Entry[] {
  return [state.nginx, field.bare, field.full, field.reference].flatMap((contender) => contender === null ? [] : [{ name: contender.name, contender, traffic }])
}

/** One key and model against 10,000: same requests, log off. */
async function measureManyEntries(state: Run): Promise<void> {
  const { folder, upstreams } = state
  const one = await startHeadrace(folder, upstreams, { name: '1 key and model', logCalls: false, whole: false })
  try {
    const many = await startHeadrace(folder, upstreams, { name: '10,000 keys and models', logCalls: false, whole: false, entries: 10_000 })
    try {
      const costs = await report(state, 'json', [one, many].map((contender) => ({ name: contender.name, contender, traffic: 'json' })))
      ratio(state, 'cost_ratio_10k', costs.get(many.name)?.workers, costs.get(one.name)?.workers)
    } finally {
      await many.stop()
    }
  } finally {
    await one.stop()
  }
}

async function measureHeldStreams(state: Run): Promise<void> {
  const headrace = await startHeadrace(state.folder, state.upstreams, { name: 'headrace, held streams', logCalls: true, whole: false })
  try {
    // Warm: code compiled, heap grown.
    await runLoad(state.load, headrace.port('burst'), 'burst', { seconds: 2 })
    await delay(500)
    const before = residentKib(headrace.workers())
    const streams = await holdStreams(state.load, headrace.port('hold'))
    await delay(1000)
    const after = residentKib(headrace.workers())
    await streams.stop()
    if (streams.held < 5000) throw new Error(`only ${streams.held} of 5,000 streams began`)
    state.figures['kib_per_stream'] = (after - before) / streams.held
    state.options.say(`held streams: ${streams.held}, worker ${Math.round(before / 1024)} -> ${Math.round(after / 1024)} MiB`)
  } finally {
    await headrace.stop()
  }
}

/** Resident memory after a million requests, when the heap has found its size, and after a million more. */
async function measureMemory(state: Run): Promise<void> {
  const headrace = await startHeadrace(state.folder, state.upstreams, { name: 'headrace, one million', logCalls: true, whole: false })
  try {
    await runLoad(state.load, headrace.port('json'), 'json', { seconds: 120, count: 1_000_000 })
    const before = residentKib(headrace.workers())
    const result = await runLoad(state.load, headrace.port('json'), 'json', { seconds: 300, count: 1_000_000 })
    const after = residentKib(headrace.workers())
    state.figures['rss_growth_mib_per_million'] = (after - before) / 1024 / (result.ok / 1_000_000)
    state.options.say(`memory: ${Math.round(before / 1024)} -> ${Math.round(after / 1024)} MiB over ${result.ok} requests`)
  } finally {
    await headrace.stop()
  }
}

async function report(state: Run, title: string, entries: readonly Entry[]): Promise<ReadonlyMap<string, Cost>> {
  const costs = await compare(entries, state.load, state.options.rounds, state.options.seconds)
  for (const [name, cost] of costs) {
    state.options.say(`${title.padEnd(8)}${name.padEnd(26)}${cost.workers.toFixed(1).padStart(9)} us   all ${cost.all.toFixed(1).padStart(8)} us   ${
      Math.round(cost.perSecond).toString().padStart(7)}/s   p50 ${cost.p50Us} us   p99 ${cost.p99Us} us${cost.errors > 0 ? `   ${cost.errors} errors` : ''}`)
  }
  return costs
}

function ratio(state: Run, figure: string, cost: number | undefined, yardstick: number | undefined): void {
  if (cost === undefined || yardstick === undefined || !state.wants(figure)) return
  state.figures[figure] = Math.round(cost / yardstick * 1000) / 1000
}
