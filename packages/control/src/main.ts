import { rmdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ToControl } from '@headrace/contract'
import { fatal } from './supervisor-link.ts'

/** What the supervisor says on the command line. */
export interface ControlArguments {
  /** Holds `headrace.db`, `calls.db` and `journal/`. */
  readonly data: string
  /** Unix socket to listen on. */
  readonly socket: string
  /** Path of `headrace.yaml`; null = defaults and the environment decide. */
  readonly config: string | null
}

/**
 * Runs the control process as a child of the supervisor.
 *
 *   --data DIR --socket PATH [--config FILE]
 */
async function runControlProcess(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' }, socket: { type: 'string' }, config: { type: 'string' } } })
  if (values.data === undefined || values.socket === undefined || process.send === undefined) {
    process.stderr.write('The control process is started by the supervisor (`headrace start`), not by hand.\n')
    process.exitCode = 2
    return
  }
  // Whatever this process creates - databases, the socket - is for its own user only.
  process.umask(0o077)
  // The supervisor decides when control ends: signals to the whole process group are its business.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  const early: ToControl[] = []
  const keep = (message: unknown): void => { early.push(message as ToControl) } // the supervisor sends nothing else
  process.on('message', keep)
  // In the data directory and not in the shared temporary one: what lies there is run.
  enableCompileCache(join(values.data, 'compile-cache'))
  const { ControlProcess } = await import('./control-process.ts')
  let control: InstanceType<typeof ControlProcess>
  try {
    control = new ControlProcess({ data: values.data, socket: values.socket, config: values.config ?? null })
  } catch (error) {
    return fatal(`${join(values.data, 'headrace.db')} cannot be used: ${error instanceof Error ? error.message : String(error)}`)
  }
  process.off('message', keep)
  process.on('message', message => control.hear(message as ToControl))
  process.on('disconnect', () => {
    // Nobody is left to remove the directory that the socket is alone in. What else lies there keeps it.
    process.once('exit', () => { try { rmdirSync(dirname(values.socket ?? '')) } catch { /* It stays. */ } })
    void control.stop()
  })
  for (const message of early) control.hear(message)
  if (!process.connected) await control.stop()
}

if (import.meta.main) await runControlProcess()
