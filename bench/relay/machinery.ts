import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export const ROOT = join(import.meta.dirname, '../..')
const CACHE = join(ROOT, '.cache/bench')

/** The gateway has a core of its own; load and upstream share the other. */
export const GATEWAY_CORE = '0'
export const LOAD_CORE = '1'

/** Says what is missing and how to get it; throws when the bench cannot run. */
export function requireTools(): void {
  const missing = ['cc', 'nginx', 'taskset', 'openssl'].filter((tool) => !(process.env['PATH'] ?? '').split(':').concat('/usr/sbin').some((folder) => existsSync(join(folder, tool))))
  if (missing.length > 0) throw new Error(`This bench needs ${missing.join(', ')}: apt-get install -y gcc libc6-dev libssl-dev nginx-light util-linux openssl`)
  if (!existsSync('/usr/include/openssl/ssl.h')) throw new Error('This bench needs the headers of OpenSSL: apt-get install -y libssl-dev')
}

/** Compiles a native tool where the source is newer than what lies in the cache; returns its path. */
export function compileNative(name: 'upstream' | 'load'): string {
  mkdirSync(CACHE, { recursive: true })
  const source = join(ROOT, 'bench/native', `${name}.c`)
  const output = join(CACHE, name)
  if (!existsSync(output) || statSync(output).mtimeMs < statSync(source).mtimeMs) {
    execFileSync('cc', ['-O2', '-Wall', '-o', output, source, ...(name === 'upstream' ? ['-lssl', '-lcrypto'] : [])], { stdio: 'inherit' })
  }
  return output
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as AddressInfo // a TCP server that listens
  await new Promise((resolve) => { server.close(resolve) })
  return port
}

/** Starts a program on one core, its diagnostics on our stderr. */
export function spawnPinned(core: string, command: string, args: readonly string[], ipc = false, env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn('taskset', ['-c', core, command, ...args], { env, cwd: ROOT, stdio: ipc ? ['ignore', 'inherit', 'inherit', 'ipc'] : ['ignore', 'ignore', 'inherit'] })
}

/** Resolves when something listens there; fails when the process ends first, or after ten seconds. */
export async function listening(port: number, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (child.exitCode !== null) throw new Error(`A process of the bench ended at its start with code ${child.exitCode}.`)
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => { socket.destroy(); resolve(true) })
      socket.once('error', () => { resolve(false) })
    })
    if (open) return
    await delay(50)
  }
  throw new Error(`Nothing listened on port ${port} within ten seconds.`)
}

/** Ends a process of ours: asks, and kills after five seconds. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => { child.once('exit', resolve) })
  child.kill('SIGTERM')
  const timer = setTimeout(() => { child.kill('SIGKILL') }, 5000)
  await gone
  clearTimeout(timer)
}
