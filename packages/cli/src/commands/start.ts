import { closeSync, existsSync, openSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { resolve } from 'node:path'
import { takeRequest, tellOutcome } from '../instance-request.ts'
import { createRunDirectory } from '../supervise/run-directory.ts'
import { Supervisor } from '../supervise/supervisor.ts'
import { welcome } from './welcome.ts'

export interface StartOptions {
  /** null = `headrace.yaml` where it is, else none. */
  readonly config: string | null
  readonly data: string
  readonly host: string | null
  readonly port: number | null
  readonly workers: number
  readonly sandbox: boolean
}

/** A second Ctrl-C within this time is the first one told twice (by the terminal and by npm), ms. */
const SAME_SIGNAL_MS = 300

/** Runs Headrace until it is told to stop. Resolves with the exit code. */
export async function start(options: StartOptions): Promise<number> {
  const config = options.config ?? (existsSync('headrace.yaml') ? 'headrace.yaml' : null)
  if (config !== null && !existsSync(config)) return complain(`There is no configuration file ${config}. Leave --config out to run with what the environment says.`)
  const data = resolve(options.data)
  // Children keep compiled code where we do, or with the data where we may not.
  process.env['NODE_COMPILE_CACHE'] ??= getCompileCacheDir() ?? resolve(data, 'compile-cache')
  const supervisor = new Supervisor({
    data, config: config === null ? null : resolve(config), host: options.host, port: options.port,
    workers: options.workers, sandbox: options.sandbox, onProblem: tell,
  }, createRunDirectory())
  const ended = untilSignalled(supervisor, data)
  const started = await supervisor.start()
  if (!started.ok) {
    if (started.error.keys !== null) process.stderr.write(`Keys were made for ${options.data} and are shown only this once:\n  Admin key   ${started.error.keys.adminKey}\n  API key     ${started.error.keys.apiKey}\n`)
    return complain(started.error.reason)
  }
  process.stdout.write(welcome({ ...started.value, data: options.data, sandbox: options.sandbox }))
  return ended
}

function complain(reason: string): number {
  tell(reason)
  return 1
}

function tell(text: string): void {
  process.stderr.write(`headrace: ${text}\n`)
}

/** Follows the process's signals. Resolves with the exit code once one of them has ended everything. */
function untilSignalled(supervisor: Supervisor, data: string): Promise<number> {
  return new Promise(done => {
    let firstAt = 0
    const stop = (signal: 'SIGINT' | 'SIGTERM'): void => {
      const now = performance.now()
      if (firstAt === 0) {
        firstAt = now
        void supervisor.stop().then(() => done(0))
      } else if (signal === 'SIGINT' && now - firstAt > SAME_SIGNAL_MS) {
        supervisor.kill()
        done(130)
      }
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    // libuv knows the signal by name on every platform; Windows never sends it.
    process.on('SIGUSR2', () => void followRequest(supervisor, data))
    process.on('SIGHUP', () => { if (terminalIsGone()) stop('SIGTERM'); else supervisor.reload() })
  })
}

/** SIGUSR2: what `headrace restart` has written down, or a plain restart. The outcome is for whoever asked, and for the log. */
async function followRequest(supervisor: Supervisor, data: string): Promise<void> {
  const request = takeRequest(data)
  const done = await supervisor.restart()
  const text = done.ok ? `Every worker was replaced (${done.value}).` : `The restart was not completed. ${done.error}`
  tell(text)
  if (request !== null) tellOutcome(data, { id: request.id, ok: done.ok, text })
}

/** SIGHUP means "read the configuration again", unless it says that the terminal we ran in was closed. */
function terminalIsGone(): boolean {
  if (!process.stdout.isTTY || process.platform === 'win32') return false
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return false
  } catch {
    return true
  }
}
