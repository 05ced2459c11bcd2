import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RunningInstance } from './pid-file.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

/** A started command, for tests: the real processes on a port of their own. */
export interface RunningCommand {
  readonly child: ChildProcess
  readonly directory: string
  output(): string
  instance(): RunningInstance
  url(): string
  /** Resolves with exit code or signal. */
  ended(): Promise<number | string>
  /** Kills whatever is left and removes the folder. */
  clear(): void
}

/** Without what a developer has set, and without the test runner's own switches. */
function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_API_KEY$|^NODE_|^VITEST|^HEADRACE_|^npm_/.test(name))), ...extra }
}

/** Runs a command to its end, in `directory`. */
export async function finish(args: readonly string[], directory: string, env: Readonly<Record<string, string>> = {}): Promise<{ readonly code: number, readonly stdout: string, readonly stderr: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [MAIN, ...args], { cwd: directory, env: cleanEnvironment(env) }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** Starts `headrace start` in a folder of its own. Wait with `eventually`. */
export function runCommand(args: readonly string[], directory = mkdtempSync(join(tmpdir(), 'headrace-cli-')), env: Readonly<Record<string, string>> = {}): RunningCommand {
  const child = spawn(process.execPath, [MAIN, 'start', '--data', 'data', ...args], { cwd: directory, env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output += String(chunk) })
  const pids = new Set<number>()
  const runDirectories = new Set<string>()
  const instance = (): RunningInstance => {
    const read = JSON.parse(readFileSync(join(directory, 'data/headrace.pid.json'), 'utf8')) as RunningInstance
    for (const pid of processesOf(read)) pids.add(pid)
    if (read.controlSocket.startsWith(join(tmpdir(), 'headrace-'))) runDirectories.add(dirname(read.controlSocket))
    return read
  }
  // Not 'exit': what it printed last may still lie in the pipe then.
  const end = new Promise<number | string>(resolve => child.once('close', (code: number | null, signal: string | null) => resolve(code ?? signal ?? '')))
  return {
    child, directory, instance,
    output: () => output,
    url: () => `http://127.0.0.1:${instance().port}`,
    ended: () => end,
    clear() {
      child.kill('SIGKILL')
      if (existsSync(join(directory, 'data/headrace.pid.json'))) instance()
      for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
      for (const folder of [directory, ...runDirectories]) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export function processesOf({ supervisor, workers, control, sandbox }: RunningInstance): readonly number[] {
  return [supervisor, ...workers, control, sandbox ?? 0].filter(pid => pid > 0)
}

/** A zombie that nobody has waited for yet counts as gone: it holds no file and no socket. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Looks every 10 ms until the answer is true; fails with `what` after `limitMs`. For what happens in other processes. */
export async function eventually(what: string, look: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  for (const end = performance.now() + limitMs; performance.now() < end; await delay(10)) {
    if (await Promise.resolve().then(look).catch(() => false)) return
  }
  throw new Error(`Waited ${limitMs} ms in vain for ${what}`)
}
