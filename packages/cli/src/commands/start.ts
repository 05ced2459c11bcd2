import { closeSync, existsSync, openSync } from 'node:fs'
import { getCompileCacheDir } from 'node:module'
import { resolve } from 'node:path'
import { takeRequest, tellOutcome } from '../instance-request.ts'
import { createRunDirectory, inheritRunDirectory } from '../supervise/run-directory.ts'
import { awaitInheritance } from '../supervise/succession.ts'
import { SuccessorWatch } from '../supervise/successor-watch.ts'
import { Supervisor } from '../supervise/supervisor.ts'
import packageFacts from '../../package.json' with { type: 'json' }
import { welcome } from './welcome.ts'

export interface StartOptions {
  /** null = `headrace.yaml` where it is, else none. */
  readonly config: string | null
  readonly data: string
  readonly host: string | null
  readonly port: number | null
  readonly workers: number
  readonly sandbox: boolean
  /** A running Headrace has started this one, and hands over to it. */
  readonly succeed: boolean
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
  const predecessor = options.succeed ? await awaitInheritance() : null
  if (options.succeed && predecessor === null) return complain('There is nobody to succeed: `headrace upgrade` starts this.')
  const supervisor = new Supervisor({
    data, config: config === null ? null : resolve(config), host: options.host, port: options.port,
    workers: options.workers, sandbox: options.sandbox, predecessor, onProblem: tell,
  }, predecessor === null ? createRunDirectory() : inheritRunDirectory(predecessor.inheritance.controlSocket))
  const ended = untilEnded({ supervisor, data, startArguments: argumentsOf({ ...options, config, data }), succeeds: options.succeed })
  const started = await supervisor.start()
  if (!started.ok) {
    if (started.error.keys !== null) process.stderr.write(`Keys were made for ${options.data} and are shown only this once:\n  Admin key   ${started.error.keys.adminKey}\n  API key     ${started.error.keys.apiKey}\n`)
    return complain(started.error.reason)
  }
  process.stdout.write(predecessor === null ? welcome({ ...started.value, data: options.data, sandbox: options.sandbox }) : `Headrace ${packageFacts.version} has taken over (process ${process.pid}).\n`)
  return ended
}

/** For a successor: the same as this process was told. */
function argumentsOf({ config, data, host, port, workers, sandbox }: Omit<StartOptions, 'succeed'>): readonly string[] {
  return [
    'start', '--succeed', '--data', data, '--workers', String(workers), ...(config === null ? [] : ['--config', resolve(config)]),
    ...(host === null ? [] : ['--host', host]), ...(port === null ? [] : ['--port', String(port)]), ...(sandbox ? [] : ['--no-sandbox']),
  ]
}

function complain(reason: string): number {
  tell(reason)
  return 1
}

function tell(text: string): void {
  process.stderr.write(`headrace: ${text}\n`)
}

interface Running {
  readonly supervisor: Supervisor
  readonly data: string
  /** Of a successor. */
  readonly startArguments: readonly string[]
  /** Nobody waits for this process: one that was started before it is the one that stays. */
  readonly succeeds: boolean
}

/** Follows the process's signals. Resolves with the exit code once everything has ended, or has been handed over and our place is not needed. */
function untilEnded(running: Running): Promise<number> {
  const { supervisor, data, succeeds } = running
  return new Promise(done => {
    let firstAt = 0
    let successor: SuccessorWatch | null = null
    let turn: Promise<void> = Promise.resolve()
    const stop = (signal: 'SIGINT' | 'SIGTERM'): void => {
      if (successor !== null) return successor.signal(signal)
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
    // One after the other. Windows never sends it.
    process.on('SIGUSR2', () => {
      turn = turn.then(async () => {
        if (successor !== null) return successor.signal('SIGUSR2')
        const gone = await followRequest(running, () => { successor = new SuccessorWatch(data, succeeds ? () => {} : done) })
        if (gone && succeeds) done(0)
      })
    })
    process.on('SIGHUP', () => {
      if (terminalIsGone()) stop('SIGTERM')
      else if (successor !== null) successor.signal('SIGHUP')
      else supervisor.reload()
    })
  })
}

/** SIGUSR2: what a command has written down, or a plain restart. The outcome is for whoever asked, and for the log. True = everything was handed over. */
async function followRequest({ supervisor, data, startArguments }: Running, onServing: () => void): Promise<boolean> {
  const request = takeRequest(data)
  const answer = (ok: boolean, text: string): void => {
    tell(text)
    if (request !== null) tellOutcome(data, { id: request.id, ok, text })
  }
  if (request?.kind !== 'upgrade') {
    const done = await supervisor.restart()
    answer(done.ok, done.ok ? `Every worker was replaced (${done.value}).` : `The restart was not completed. ${done.error}`)
    return false
  }
  const done = await supervisor.handOver([...request.command, ...startArguments], pid => {
    onServing()
    answer(true, `Process ${pid} has taken over.`)
  })
  if (!done.ok) answer(false, done.error)
  return done.ok
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
