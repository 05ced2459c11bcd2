import { parseArgs } from 'node:util'
import type { FromWorker, LimitsToAuthority, LimitsToWorker, Pong, TargetsToAuthority, TargetsToWorker, ToWorker } from '@headrace/contract'
import type { Gateway, GatewayOptions } from './main.ts'

const METRICS_EVERY_MS = 1_000

/**
 * Runs a worker as a child process: waits for the first configuration over IPC, listens, then follows the supervisor's messages.
 * Exits 0 after a drain, and at once when the supervisor is gone.
 *
 *   --journal-dir DIR --journal-prefix NAME [--control-socket PATH]
 */
export function runWorkerProcess(start: (options: GatewayOptions) => Promise<Gateway>): void {
  const { values } = parseArgs({
    options: {
      'journal-dir': { type: 'string' },
      'journal-prefix': { type: 'string' },
      'control-socket': { type: 'string' },
    },
  })
  const directory = values['journal-dir']
  const prefix = values['journal-prefix']
  if (directory === undefined || prefix === undefined || process.send === undefined) {
    process.stderr.write('A worker is started by the supervisor (`headrace start`), not by hand.\n')
    process.exitCode = 2
    return
  }
  const worker = new WorkerProcess(start, { journal: { directory, prefix }, controlSocket: values['control-socket'] ?? null, tellAuthority: tell })
  // The supervisor decides when a worker ends: signals to the whole process group are its business.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  process.on('SIGHUP', () => {})
  process.on('disconnect', () => process.exit(1))
  process.on('message', message => void worker.hear(message as ToWorker | LimitsToWorker | TargetsToWorker))
}

class WorkerProcess {
  readonly #start: (options: GatewayOptions) => Promise<Gateway>
  readonly #fixed: Omit<GatewayOptions, 'config'>
  #gateway: Gateway | null = null
  /** Configurations are taken one after the other, in the order in which they came. */
  #turn: Promise<void> = Promise.resolve()
  #told = ''

  constructor(start: (options: GatewayOptions) => Promise<Gateway>, fixed: Omit<GatewayOptions, 'config'>) {
    this.#start = start
    this.#fixed = fixed
  }

  hear(message: ToWorker | LimitsToWorker | TargetsToWorker): Promise<void> {
    if (message.type === 'limits' || message.type === 'targets') {
      this.#gateway?.hearAuthority(message)
      return this.#turn
    }
    if (message.type === 'ping') {
      tell({ type: 'pong' })
      return this.#turn
    }
    this.#turn = this.#turn.then(() => this.#follow(message))
    return this.#turn
  }

  async #follow(message: Exclude<ToWorker, { type: 'ping' }>): Promise<void> {
    if (message.type === 'drain') {
      await this.#gateway?.drain(message.graceMs)
      process.exit(0)
    }
    const { config } = message
    if (this.#gateway !== null) {
      const reloaded = await this.#gateway.reload(config)
      return tell(reloaded.ok ? { type: 'accepted', version: config.version } : { type: 'refused', version: config.version, reason: reloaded.error })
    }
    try {
      this.#gateway = await this.#start({ ...this.#fixed, config })
    } catch (error) {
      return tell({ type: 'refused', version: config.version, reason: error instanceof Error ? error.message : String(error) })
    }
    tell({ type: 'listening', host: this.#gateway.host, port: this.#gateway.port })
    tell({ type: 'accepted', version: config.version })
    setInterval(() => this.#reportMetrics(), METRICS_EVERY_MS).unref()
  }

  #reportMetrics(): void {
    const state = this.#gateway?.metrics()
    if (state === undefined) return
    const text = JSON.stringify(state)
    if (text === this.#told) return
    this.#told = text
    tell({ type: 'metrics', state })
  }
}

function tell(message: FromWorker | LimitsToAuthority | TargetsToAuthority | Pong): void {
  process.send?.(message)
}
