import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { generateKey, SqliteKeyStore } from '@headrace/stores'
import type { Bench, BenchOptions, BenchResult } from './bench.ts'
import { COMMAND, startHeadrace } from './relay/headrace.ts'
import { compileNative, freePort, GATEWAY_CORE, LOAD_CORE, requireTools, stopProcess } from './relay/machinery.ts'
import { compare, median } from './relay/measure.ts'
import { residentKib } from './relay/process-cost.ts'
import { runLoad, writeRequests, type Load } from './relay/traffic.ts'
import { startUpstreams, type Upstreams } from './relay/upstreams.ts'
import { memoryPerKey } from './scale/memory-per-key.ts'

const TARGETS: Readonly<Record<string, number>> = Object.freeze({
  cpu_2_over_1: 1.05, rss_mib: 600, start_warm_ms: 1_000, replace_ms: 1_000, keys_100k_ms: 3_000, bytes_per_key: 300,
})
const KEYS = 100_000

export const scale: Bench = {
  name: 'scale',
  question: `What do processes cost, and how fast do they start? (figures: ${Object.keys(TARGETS).join(', ')})`,
  run,
}

async function run(options: BenchOptions): Promise<BenchResult> {
  const wants = (...names: readonly string[]): boolean => options.only.length === 0 || names.some(name => options.only.includes(name))
  const figures: Record<string, number> = {}
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  try {
    if (wants('cpu_2_over_1', 'rss_mib')) await measureWorkers(options, folder, figures)
    if (wants('start_warm_ms', 'replace_ms')) await measureStart(options, join(folder, 'plain'), figures)
    if (wants('keys_100k_ms')) figures['keys_100k_ms'] = await measureKeys(options, join(folder, 'keys'))
    if (wants('bytes_per_key')) figures['bytes_per_key'] = await memoryPerKey(KEYS)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  return { figures, targets: Object.fromEntries(Object.entries(TARGETS).filter(([name]) => wants(name))), atLeast: new Set(), voidReason: null }
}

/**
 * Two workers with 32 connections against one with 16: what the second one costs beside its share of the work. One worker with all 32 has more to do in each
 * turn of its loop, which makes a request cheaper; that comparison is told, too. Memory: the resident sets of the whole tree with one worker (sandbox included), after load;
 * pages that processes share count for each.
 */
async function measureWorkers(options: BenchOptions, folder: string, figures: Record<string, number>): Promise<void> {
  requireTools()
  const upstreams: Upstreams = await startUpstreams(folder)
  const started: { stop(): Promise<void> }[] = [upstreams]
  try {
    writeRequests(folder, upstreams.plain)
    const load: Load = { program: compileNative('load'), requests: folder }
    // Two on one core would fight for its caches; here the load does, for all alike.
    const cores = `${GATEWAY_CORE},${LOAD_CORE}`
    const one = await startHeadrace(folder, upstreams, { name: '1 worker', logCalls: true, whole: true, workers: 1, cores })
    started.push(one)
    const two = await startHeadrace(folder, upstreams, { name: '2 workers', logCalls: true, whole: true, workers: 2, cores })
    started.push(two)
    const costs = await compare([
      { name: one.name, contender: one, traffic: 'half' }, { name: two.name, contender: two, traffic: 'json' }, { name: 'the same load', contender: one, traffic: 'json' },
    ], load, options.rounds, options.seconds)
    for (const [name, cost] of costs) {
      options.say(`json    ${name.padEnd(15)}workers ${cost.workers.toFixed(1).padStart(7)} us   all ${cost.all.toFixed(1).padStart(7)} us   ${Math.round(cost.perSecond).toString().padStart(7)}/s`)
    }
    figures['cpu_2_over_1'] = (costs.get(two.name)?.workers ?? NaN) / (costs.get(one.name)?.workers ?? NaN)
    figures['cpu_2_over_1_same_load'] = (costs.get(two.name)?.workers ?? NaN) / (costs.get('the same load')?.workers ?? NaN)
    await runLoad(load, one.port('json'), 'json', { seconds: options.seconds })
    figures['rss_mib'] = residentKib(one.all()) / 1_024
    figures['rss_2_workers_mib'] = residentKib(two.all()) / 1_024
  } finally {
    for (const part of started.toReversed()) await part.stop()
  }
}

/** Medians. The first start of all, which compiles, does not count. */
async function measureStart(options: BenchOptions, home: string, figures: Record<string, number>): Promise<void> {
  mkdirSync(home, { recursive: true })
  const starts: number[] = []
  const replacements: number[] = []
  for (let round = 0; round <= options.rounds; round++) {
    const running = await startTimed(home)
    if (round > 0) starts.push(running.ms)
    try {
      if (round > 0) replacements.push(await replaceTimed(running))
    } finally {
      await stopProcess(running.child)
    }
  }
  options.say(`start   ${starts.map(ms => Math.round(ms)).join(', ')} ms;   replacement ${replacements.map(ms => Math.round(ms)).join(', ')} ms`)
  figures['start_warm_ms'] = median(starts)
  figures['replace_ms'] = median(replacements)
}

async function measureKeys(options: BenchOptions, home: string): Promise<number> {
  const data = join(home, 'data')
  mkdirSync(data, { recursive: true })
  const store = new SqliteKeyStore(join(data, 'headrace.db'))
  for (let count = 0; count < KEYS; count++) {
    const { keyId, digest, prefix } = generateKey()
    await store.add('default', { keyId, digest, prefix, name: `key ${count}`, tenant: 'default', team: null, app: null, scopes: count === 0 ? ['admin'] : ['inference'], models: null, createdAt: 0, expiresAt: null })
  }
  await store.close()
  const starts: number[] = []
  for (let round = 0; round <= Math.min(options.rounds, 3); round++) {
    const running = await startTimed(home)
    if (round > 0) starts.push(running.ms)
    await stopProcess(running.child)
  }
  options.say(`start with ${KEYS} keys   ${starts.map(ms => Math.round(ms)).join(', ')} ms`)
  return median(starts)
}

interface Started { readonly child: ChildProcess, readonly port: number, readonly data: string, readonly ms: number }

/** From the command until it says that everything is there: model traffic, admin API, log writer. */
async function startTimed(home: string): Promise<Started> {
  const port = await freePort()
  const data = join(home, 'data')
  const begun = performance.now()
  const child = spawn(process.execPath, [COMMAND, 'start', '--data', data, '--port', String(port), '--no-sandbox'], { cwd: home, stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  await until(async () => output.includes('Headrace listens'))
  return { child, port, data, ms: performance.now() - begun }
}

/** From `kill -9` of the only worker to an answer of the next one. */
async function replaceTimed({ port, data }: Started): Promise<number> {
  // The start's own work (reading the journal, compiling) is over.
  await delay(500)
  const { workers } = JSON.parse(readFileSync(join(data, 'headrace.pid.json'), 'utf8')) as { workers: number[] } // our own supervisor's
  const begun = performance.now()
  process.kill(workers[0] ?? 0, 'SIGKILL')
  await until(() => isReady(port))
  return performance.now() - begun
}

async function until(look: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end; await delay(5)) if (await look()) return
  throw new Error('Headrace was not ready within 60 seconds.')
}

async function isReady(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } })
    await answer.text()
    return answer.status === 200
  } catch {
    return false
  }
}
