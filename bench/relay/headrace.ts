import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FromWorker, ToWorker } from '@headrace/contract'
import { formatConfigErrors, loadConfig } from '@headrace/contract/config'
import type { Contender } from './contender.ts'
import { freePort, GATEWAY_CORE, listening, ROOT, spawnPinned, stopProcess } from './machinery.ts'
import { processTree } from './process-cost.ts'
import { API_KEY } from './traffic.ts'
import type { Upstreams } from './upstreams.ts'

export interface HeadraceOptions {
  readonly name: string
  readonly logCalls: boolean
  /** Keys and models configured; the load uses one of each. */
  readonly entries?: number
  /** Start through the `headrace` command, supervisor and control included; else one worker alone, spoken to as the supervisor does. */
  readonly whole: boolean
  /** With `whole`: how many workers (1), and the cores that all processes may use (the gateway's one). */
  readonly workers?: number
  readonly cores?: string
  readonly cpuProf?: string | null
  /** The configuration's `limits`; with some a lease authority must be attached `onWorker`. */
  readonly limits?: readonly object[]
  readonly onWorker?: (child: ChildProcess) => void
  /** Sections of the configuration in place of the bench's own. */
  readonly sections?: Readonly<Record<string, unknown>>
}

export const COMMAND = join(ROOT, 'packages/cli/src/main.ts')

/** Starts Headrace with one worker in front of the bench's upstreams. */
export async function startHeadrace(folder: string, upstreams: Upstreams, options: HeadraceOptions): Promise<Contender> {
  const home = join(folder, options.name.replaceAll(/\W+/g, '-'))
  mkdirSync(join(home, 'data'), { recursive: true })
  const port = await freePort()
  const text = configuration(port, upstreams, options)
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: upstreams.certificate }
  return options.whole ? startWhole(home, port, text, env, options) : startWorker(home, port, text, env, options)
}

function configuration(port: number, upstreams: Upstreams, options: HeadraceOptions): string {
  const entries = options.entries ?? 1
  const filler = Array.from({ length: entries - 1 }, (_, i) => i)
  // JSON is YAML.
  return JSON.stringify({
    server: { port, limits: { connections: 20_000, requests_per_connection: 1_000_000_000 } },
    providers: {
      bench: { dialect: 'openai-chat', base_url: `http://127.0.0.1:${upstreams.plain}/v1`, credentials: 'sk-upstream-0123456789' },
      secured: { dialect: 'openai-chat', base_url: `https://127.0.0.1:${upstreams.tls}/v1`, credentials: 'sk-upstream-0123456789' },
    },
    models: {
      'my-json': 'bench/json', 'my-burst': 'bench/burst', 'my-spaced': 'bench/spaced', 'my-hold': 'bench/hold', 'my-tls-json': 'secured/json',
      ...Object.fromEntries(filler.map((i) => [`filler-${i}`, `bench/filler-${i}`])),
    },
    keys: [
      { name: 'bench', key: API_KEY, team: 'bench' },
      ...filler.map((i) => ({ name: `filler-${i}`, digest: createHash('sha256').update(`filler-${i}`).digest('hex') })),
    ],
    limits: options.limits ?? [],
    log: { calls: options.logCalls },
    ...options.sections,
  })
}

/** One worker alone, spoken to as the supervisor does. `home` holds a folder `data`. */
export async function startWorker(home: string, port: number, text: string, env: NodeJS.ProcessEnv, options: HeadraceOptions): Promise<Contender> {
  const loaded = loadConfig({ text, path: null, version: 1, keys: [], readFile: (path) => readFileSync(path, 'utf8'), known: [], env: {}, sandboxUrl: null })
  if (!loaded.ok) throw new Error(`Headrace refuses the bench's configuration: ${formatConfigErrors(loaded.error, null, text)}`)
  const profile = options.cpuProf == null ? [] : ['--cpu-prof', '--cpu-prof-dir', options.cpuProf]
  const child = spawnPinned(GATEWAY_CORE, process.execPath, [...profile, join(ROOT, 'packages/gateway/src/main.ts'), '--journal-dir', join(home, 'data'), '--journal-prefix', 'bench'], true, env)
  options.onWorker?.(child)
  try {
    await hearReady(child, { type: 'config', config: loaded.value.config })
  } catch (error) {
    await stopProcess(child)
    throw error
  }
  const pids = [child.pid ?? 0]
  return { name: options.name, port: () => port, workers: () => pids, all: () => pids, stop: () => drain(child) }
}

/** Sends the configuration and waits until the worker listens. */
function hearReady(child: ChildProcess, message: ToWorker): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error('Headrace did not listen within 20 seconds.')) }, 20_000)
    const finish = (error: Error | null): void => {
      clearTimeout(timer)
      child.off('exit', ended)
      if (error === null) resolve()
      else reject(error)
    }
    const ended = (code: number | null): void => { finish(new Error(`Headrace's worker ended at its start with code ${code}.`)) }
    child.on('exit', ended)
    child.on('message', (heard) => {
      const told = heard as FromWorker // the worker's own messages
      if (told.type === 'listening') finish(null)
      if (told.type === 'refused') finish(new Error(`Headrace refused its configuration: ${told.reason}`))
    })
    child.send(message)
  })
}

/** Drains, so that a CPU profile is written; kills after five seconds. */
async function drain(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => { child.once('exit', resolve) })
  const message: ToWorker = { type: 'drain', succeeded: false, graceMs: 500 }
  if (child.connected) child.send(message)
  const timer = setTimeout(() => { child.kill('SIGKILL') }, 5000)
  await gone
  clearTimeout(timer)
}

async function startWhole(home: string, port: number, text: string, env: NodeJS.ProcessEnv, options: HeadraceOptions): Promise<Contender> {
  const file = join(home, 'headrace.yaml')
  const data = join(home, 'data')
  writeFileSync(file, text)
  const child = spawnPinned(options.cores ?? GATEWAY_CORE, process.execPath, [COMMAND, 'start', '--config', file, '--data', data, '--port', String(port), '--workers', String(options.workers ?? 1)], false, env)
  try {
    await listening(port, child)
    const pids = await readPids(join(data, 'headrace.pid.json'), options.workers ?? 1)
    return { name: options.name, port: () => port, workers: () => pids.workers, all: () => processTree(child.pid ?? 0), stop: () => stopProcess(child) }
  } catch (error) {
    await stopProcess(child)
    throw error
  }
}

/** The command takes its directory first and names its workers when they listen. */
async function readPids(file: string, workers: number): Promise<{ readonly workers: readonly number[] }> {
  for (let i = 0; i < 100; i++) {
    if (existsSync(file)) {
      const pids = JSON.parse(readFileSync(file, 'utf8')) as { workers: number[] } // written by our own supervisor
      if (pids.workers.length >= workers) return pids
    }
    await delay(50)
  }
  throw new Error('Headrace did not name its workers within 5 seconds.')
}
