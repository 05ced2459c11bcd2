import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DialectId } from '@headrace/contract'
import { DIALECTS } from '../packages/gateway/src/main.ts'
import type { Bench, BenchOptions, BenchResult } from './bench.ts'
import { startWorker } from './relay/headrace.ts'
import { compileNative, freePort, LOAD_CORE, listening, requireTools, ROOT, spawnPinned, stopProcess } from './relay/machinery.ts'
import { median } from './relay/measure.ts'
import { cpuNanoseconds } from './relay/process-cost.ts'
import { API_KEY, type LoadResult } from './relay/traffic.ts'
import { clientRequest, EVENTS, providerAnswer, type Speaker } from './translate/samples.ts'
import type { UpstreamScript } from './translate/upstream.ts'
import { hasVectors, vectorAnswer, vectorRequest } from './translate/vectors.ts'

const TARGETS: Readonly<Record<string, number>> = Object.freeze({ request_x: 2.5, event_x: 3, vectors_x: 2 })
/** Connections of the load. */
const CONNECTIONS = 16
const WARM_UP_SECONDS = 1

export const translate: Bench = {
  name: 'translate',
  question: 'What does translation cost in CPU against the fast lane of the client\'s dialect, in the same run and over sockets? (figures: request_x, a JSON exchange; event_x, a stream of 50 events in one piece; vectors_x, 4 embeddings of 768 numbers; of all pairs the worst)',
  run,
}

const FIGURES = ['request_x', 'event_x', 'vectors_x'] as const
type Figure = (typeof FIGURES)[number]

/** One pair under one kind of traffic. */
interface Lane { readonly client: DialectId, readonly provider: DialectId, readonly figure: Figure, readonly file: string }

async function run(options: BenchOptions): Promise<BenchResult> {
  requireTools()
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const ids = Object.keys(DIALECTS.translating) as DialectId[] // keys of a Record<DialectId, ...>
  const speakers = ids.map((id): Speaker => ({ id, relay: DIALECTS.relay[id], translating: DIALECTS.translating[id] }))
  const upstream = await startUpstream(speakers)
  try {
    const port = await freePort()
    const worker = await startWorker(makeFolder(join(folder, 'worker')), port, configuration(port, speakers, upstream.ports), process.env, { name: 'worker', logCalls: true, whole: false, cpuProf: options.cpuProf })
    try {
      const lanes = FIGURES.filter(figure => options.only.length === 0 || options.only.includes(figure)).flatMap(figure => writeLanes(folder, speakers, figure))
      const costs = await measure(lanes, port, worker.workers(), options)
      return { figures: worstPairs(lanes, costs, options), targets: Object.fromEntries(Object.entries(TARGETS).filter(([name]) => options.only.length === 0 || options.only.includes(name))), atLeast: new Set(), voidReason: null }
    } finally {
      await worker.stop()
    }
  } finally {
    await stopProcess(upstream.child)
    rmSync(folder, { recursive: true, force: true })
  }
}

function makeFolder(path: string): string {
  mkdirSync(join(path, 'data'), { recursive: true })
  return path
}

/** One port for each dialect, all in one process beside the load. */
async function startUpstream(speakers: readonly Speaker[]): Promise<{ readonly child: ChildProcess, readonly ports: ReadonlyMap<DialectId, number> }> {
  const providers: UpstreamScript['providers'][number][] = []
  const ports = new Map<DialectId, number>()
  for (const speaker of speakers) {
    const port = await freePort()
    ports.set(speaker.id, port)
    providers.push({ port, json: providerAnswer(speaker, false), stream: providerAnswer(speaker, true), vectors: vectorAnswer(speaker.id) })
  }
  const child = spawnPinned(LOAD_CORE, process.execPath, [join(ROOT, 'bench/translate/upstream.ts')], true)
  child.send({ providers } satisfies UpstreamScript)
  try {
    for (const port of ports.values()) await listening(port, child)
  } catch (error) {
    await stopProcess(child)
    throw error
  }
  return { child, ports }
}

/** JSON is YAML. */
function configuration(port: number, speakers: readonly Speaker[], ports: ReadonlyMap<DialectId, number>): string {
  return JSON.stringify({
    server: { port, limits: { connections: 1_000, requests_per_connection: 1_000_000_000 } },
    providers: Object.fromEntries(speakers.map(({ id }) => [id, { dialect: id, base_url: `http://127.0.0.1:${ports.get(id)}/v1`, credentials: 'sk-upstream-0123456789' }])),
    models: Object.fromEntries(speakers.map(({ id }) => [`to-${id}`, `${id}/bench`])),
    keys: [{ name: 'bench', key: API_KEY }],
  })
}

function writeLanes(folder: string, speakers: readonly Speaker[], figure: Figure): Lane[] {
  const spoken = figure === 'vectors_x' ? speakers.filter(({ id }) => hasVectors(id)) : speakers
  return spoken.flatMap(client => spoken.map(({ id: provider }) => {
    const file = join(folder, `${client.id}--${provider}-${figure}`)
    const model = `to-${provider}`
    writeFileSync(file, figure === 'vectors_x' ? vectorRequest(client.id, model, API_KEY) : clientRequest(client, DIALECTS.translating['openai-chat'], model, figure === 'event_x', API_KEY), 'latin1')
    return { client: client.id, provider, figure, file }
  }))
}

/** CPU of the worker in microseconds per exchange; medians of interleaved rounds, the order reversed every other one. */
async function measure(lanes: readonly Lane[], port: number, workers: readonly number[], options: BenchOptions): Promise<ReadonlyMap<Lane, number>> {
  const program = compileNative('load')
  const once = async (lane: Lane, seconds: number): Promise<number> => {
    const before = cpuNanoseconds(workers)
    const { ok, errors } = await load(program, port, lane.file, seconds)
    if (ok === 0 || errors > ok / 1_000) throw new Error(`${lane.client} over ${lane.provider}: ${ok} good answers, ${errors} bad: no number can be had from that.`)
    return (cpuNanoseconds(workers) - before) / ok / 1_000
  }
  const samples = new Map<Lane, number[]>(lanes.map(lane => [lane, []]))
  for (const lane of lanes) await once(lane, WARM_UP_SECONDS)
  for (let round = 0; round < options.rounds; round++) {
    for (const lane of round % 2 === 0 ? lanes : lanes.toReversed()) samples.get(lane)?.push(await once(lane, options.seconds))
  }
  return new Map([...samples].map(([lane, costs]) => [lane, median(costs)]))
}

async function load(program: string, port: number, file: string, seconds: number): Promise<LoadResult> {
  const child = spawn('taskset', ['-c', LOAD_CORE, program, String(port), String(CONNECTIONS), String(seconds), file], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString() })
  const code = await new Promise(resolve => { child.once('close', resolve) })
  if (code !== 0) throw new Error(`The load generator failed with code ${String(code)}: ${text}`)
  return JSON.parse(text.trim().split('\n').at(-1) ?? '') as LoadResult // our own program's line
}

function worstPairs(lanes: readonly Lane[], costs: ReadonlyMap<Lane, number>, options: BenchOptions): Record<string, number> {
  const figures: Record<string, number> = {}
  for (const lane of lanes) {
    const { client, provider, figure } = lane
    const fast = lanes.find(other => other.client === client && other.provider === client && other.figure === figure)
    const cost = costs.get(lane) ?? NaN
    const ratio = Math.round(cost / (costs.get(fast ?? lane) ?? NaN) * 1_000) / 1_000
    options.say(`${figure.padEnd(10)}${`${client} over ${provider}`.padEnd(44)}${cost.toFixed(1).padStart(8)} us${figure === 'event_x' ? ` (${(cost / EVENTS).toFixed(2)} an event)` : ''}   ${
      fast === lane ? 'fast lane' : `${ratio.toFixed(2)} x`}`)
    if (fast !== lane) figures[figure] = Math.max(figures[figure] ?? 0, ratio)
  }
  return figures
}
