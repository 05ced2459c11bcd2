import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CallRecord } from '@headrace/contract'
import { until } from './until.ts'

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const CLI = join(REPOSITORY, 'packages/cli/src/main.ts')
export const API_KEY = 'hr_test_client_0123456789abcdefghij'
export const ADMIN_KEY = 'hr_test_admin_0123456789abcdefghij'

/** `headrace.pid.json`: who runs. */
export interface PidFile {
  readonly supervisor: number
  readonly workers: readonly number[]
  readonly control: number
  readonly sandbox: number | null
  readonly host: string
  readonly port: number
  readonly controlSocket: string
}

export interface HeadraceOptions {
  /** The configuration as plain data (JSON is YAML); the two test keys are added. */
  readonly config?: Readonly<Record<string, unknown>>
  /** The file's exact text instead. */
  readonly yaml?: string
  /** Other files beside `headrace.yaml`. */
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  /** Use this data directory (and its configuration's folder) again, as after a crash. */
  readonly directory?: string
  readonly tls?: boolean
  /** The data directory is a file system of its own with room for so many MiB (needs the right to mount; see `CAN_MOUNT`). It ends with the process. */
  readonly diskMib?: number
  /** A command that runs the one in its arguments, as `nice` does. */
  readonly wrap?: readonly string[]
  /** Further arguments of `headrace start`. */
  readonly args?: readonly string[]
}

export interface Headrace {
  readonly url: string
  readonly port: number
  /** Temporary folder with `headrace.yaml` and `data`; removed by `stop()`. */
  readonly directory: string
  readonly dataDirectory: string
  readonly configPath: string
  pids(): PidFile
  /** Everything it printed so far, both streams. */
  output(): string
  /** Replaces the configuration file in one step, as editors do. */
  writeConfig(config: Readonly<Record<string, unknown>> | string): void
  /** Asks the admin API; the body as parsed JSON. */
  admin(path: string, method?: 'GET' | 'POST'): Promise<{ readonly status: number, readonly body: unknown }>
  /** Call-log rows by query string, newest first, once there are `count` of them. */
  logs(query: string, count?: number): Promise<CallRecord[]>
  metrics(): Promise<string>
  kill9(what: 'worker' | 'control' | 'everything'): Promise<void>
  /** SIGTERM, wait, remove the folder. `keep` leaves the folder for another start. */
  stop(options?: { readonly keep?: boolean }): Promise<void>
}

/** What is printed when a worker ends that should not. One that was only slow, so that another one took its place, loses nothing. */
export const WORKER_DIED = /worker \d+ (?!does not answer).*(another one starts|while it finished)/

const ON_OWN_DISK = 'mkdir -p "$2" && mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
/** True where a process may mount file systems that only it sees. */
export const CAN_MOUNT = process.platform === 'linux' && spawnSync('unshare', ['-m', 'true']).status === 0

/** The configuration as file text, with the keys that every test uses. */
export function renderConfig(config: Readonly<Record<string, unknown>>): string {
  const keys = Array.isArray(config.keys) ? config.keys as readonly unknown[] : []
  return JSON.stringify({
    ...config,
    keys: [{ name: 'test-client', key: API_KEY }, { name: 'test-admin', key: ADMIN_KEY, scopes: ['inference', 'admin'] }, ...keys],
  }, null, 2)
}

/** Starts the real command in a folder of its own and waits until it answers. */
export async function startHeadrace(options: HeadraceOptions = {}): Promise<Headrace> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'headrace-e2e-'))
  const ownData = join(directory, 'data')
  const configPath = join(directory, 'headrace.yaml')
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(directory, name), text)
  if (options.directory === undefined || options.config !== undefined) writeFileSync(configPath, options.yaml ?? renderConfig(options.config ?? {}))
  const left = readPidFile(ownData)
  if (left !== null) removeSocketOf(left)
  rmSync(join(ownData, 'headrace.pid.json'), { force: true })

  const command = [...(options.wrap ?? []), process.execPath, CLI, 'start', '--config', configPath, '--data', ownData, '--port', '0', ...(options.args ?? [])]
  const [program = '', ...args] = options.diskMib === undefined ? command : ['unshare', '-m', 'sh', '-c', ON_OWN_DISK, 'sh', `size=${options.diskMib}m`, ownData, ...command]
  const child = spawn(program, args, { cwd: directory, env: cleanEnvironment(options.env), stdio: ['ignore', 'pipe', 'pipe'] })
  const dataDirectory = options.diskMib === undefined ? ownData : `/proc/${child.pid ?? 0}/root${ownData}`
  let output = ''
  child.stdout.on('data', chunk => { output += String(chunk) })
  child.stderr.on('data', chunk => { output += String(chunk) })
  const readPids = (): PidFile | null => readPidFile(dataDirectory)
  const scheme = options.tls === true ? 'https' : 'http'
  const port = await waitUntilReady(child, readPids, scheme, () => output).catch((error: unknown) => {
    child.kill('SIGKILL')
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    throw error
  })
  return new RunningHeadrace({ child, directory, dataDirectory, configPath, port, scheme, readPids, output: () => output })
}

/** null = nobody listens: port 0 says that it has taken the directory and does not listen yet. */
function readPidFile(data: string): PidFile | null {
  try {
    const pids = JSON.parse(readFileSync(join(data, 'headrace.pid.json'), 'utf8')) as PidFile
    return pids.port > 0 ? pids : null
  } catch {
    return null
  }
}

/** What a `kill -9` of everything leaves in the temporary folder. */
function removeSocketOf({ controlSocket }: PidFile): void {
  if (controlSocket.startsWith(join(tmpdir(), 'headrace-'))) rmSync(dirname(controlSocket), { recursive: true, force: true })
}

async function waitUntilReady(child: ChildProcess, readPids: () => PidFile | null, scheme: string, output: () => string): Promise<number> {
  return until('headrace to answer', async () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`headrace ended while starting (${child.exitCode ?? child.signalCode}):\n${output()}`)
    const pids = readPids()
    if (pids === null) return null
    if (scheme === 'https') return pids.port
    const answer = await fetch(`http://127.0.0.1:${pids.port}/readyz`).catch(() => null)
    return answer?.status === 200 ? pids.port : null
  }, 15_000).catch((error: unknown) => { throw new Error(`${String(error)}\n${output()}`) })
}

/** Runs another command of the CLI to its end; after `limitMs` it is killed (code null). `cli`: that of another copy. */
export function runHeadrace(args: readonly string[], options: { readonly cwd?: string, readonly env?: Readonly<Record<string, string>>, readonly cli?: string, readonly limitMs?: number } = {}):
  Promise<{ readonly code: number | null, readonly output: string }> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [options.cli ?? CLI, ...args], { cwd: options.cwd ?? REPOSITORY, env: cleanEnvironment(options.env), stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', chunk => { output += String(chunk) })
    child.stderr.on('data', chunk => { output += String(chunk) })
    const timer = setTimeout(() => child.kill('SIGKILL'), options.limitMs ?? 10_000)
    child.on('close', code => {
      clearTimeout(timer)
      resolve({ code, output })
    })
  })
}

/** Without the provider keys that a developer may have set, and without the test runner's own switches. */
function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/_API_KEY$|^NODE_|^VITEST|^HEADRACE_/.test(name))
  return { ...Object.fromEntries(kept), ...extra }
}

interface RunningParts {
  readonly child: ChildProcess
  readonly directory: string
  readonly dataDirectory: string
  readonly configPath: string
  readonly port: number
  readonly scheme: string
  readonly readPids: () => PidFile | null
  readonly output: () => string
}

class RunningHeadrace implements Headrace {
  readonly #parts: RunningParts
  readonly url: string
  readonly port: number
  readonly directory: string
  readonly dataDirectory: string
  readonly configPath: string

  constructor(parts: RunningParts) {
    this.#parts = parts
    this.port = parts.port
    this.url = `${parts.scheme}://127.0.0.1:${parts.port}`
    this.directory = parts.directory
    this.dataDirectory = parts.dataDirectory
    this.configPath = parts.configPath
  }

  pids(): PidFile {
    // A look may fall into the moment in which the file is being written.
    for (let look = 0; look < 1_000; look++) {
      const pids = this.#parts.readPids()
      if (pids !== null) return pids
    }
    throw new Error('headrace.pid.json is gone')
  }

  output(): string {
    return this.#parts.output()
  }

  writeConfig(config: Readonly<Record<string, unknown>> | string): void {
    writeFileSync(`${this.configPath}.new`, typeof config === 'string' ? config : renderConfig(config))
    renameSync(`${this.configPath}.new`, this.configPath)
  }

  async admin(path: string, method: 'GET' | 'POST' = 'GET'): Promise<{ status: number, body: unknown }> {
    const answer = await fetch(`${this.url}/admin/v1${path}`, { method, headers: { authorization: `Bearer ${ADMIN_KEY}` } })
    const text = await answer.text()
    try {
      return { status: answer.status, body: JSON.parse(text) as unknown }
    } catch {
      return { status: answer.status, body: text }
    }
  }

  async logs(query: string, count = 1): Promise<CallRecord[]> {
    let last = ''
    return until(`${count} log row(s) for ${query}`, async () => {
      const { status, body } = await this.admin(`/logs?${query}`)
      last = JSON.stringify(body).slice(0, 500)
      const rows = status === 200 ? (body as { rows: { record: CallRecord }[] }).rows.map(row => row.record) : []
      return rows.length >= count ? rows : null
    }).catch((error: unknown) => { throw new Error(`${String(error)}; last answer: ${last}`) })
  }

  async metrics(): Promise<string> {
    const answer = await fetch(`${this.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })
    return answer.text()
  }

  async kill9(what: 'worker' | 'control' | 'everything'): Promise<void> {
    const pids = this.pids()
    const all = [pids.supervisor, ...pids.workers, pids.control, pids.sandbox ?? 0]
    // 0 = there is none; to the kernel it would mean our own process group.
    const victims = (what === 'worker' ? pids.workers : what === 'control' ? [pids.control] : all).filter(pid => pid > 0)
    for (const pid of victims) kill(pid, 'SIGKILL')
    await until(`the ${what} to be gone`, () => victims.every(pid => !isAlive(pid)))
  }

  async stop(options: { readonly keep?: boolean } = {}): Promise<void> {
    const { child, directory, readPids } = this.#parts
    const pids = readPids()
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGTERM')
      await Promise.race([gone, new Promise(resolve => setTimeout(resolve, 8_000).unref())])
      child.kill('SIGKILL')
    }
    // Only what this start began, and only if it outlived its supervisor.
    if (pids !== null) for (const pid of [...pids.workers, pids.control, pids.sandbox ?? 0]) if (pid > 0) kill(pid, 'SIGKILL')
    if (pids !== null) removeSocketOf(pids)
    if (options.keep !== true) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch { /* Gone already: that is what was wanted. */ }
}

/** A zombie that nobody has waited for yet counts as gone: it holds no file and no socket. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
