import { parseArgs } from 'node:util'
import type { CoalesceToAuthority, CoalesceToWorker, FromWorker, LimitsToAuthority, LimitsToWorker, PaceToAuthority, PaceToWorker, Pong, ResolvedConfig, TargetsToAuthority, TargetsToWorker, ToWorker } from '@headrace/contract'
import type { Gateway, GatewayOptions } from './main.ts'

const METRICS_EVERY_MS = 1_000

/**
 * Runs a worker as a child process: waits for the socket and the first configuration over IPC, listens, then follows the supervisor's messages.
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
  process.on('message', (message, handle) => void worker.hear(message as ToWorker | LimitsToWorker | TargetsToWorker | PaceToWorker | CoalesceToWorker, handle ?? null))
}

class WorkerProcess {
  readonly #start: (options: GatewayOptions) => Promise<Gateway>
  readonly #fixed: Omit<GatewayOptions, 'config' | 'listener' | 'anonymousListener'>
  #gateway: Gateway | null = null
  #listener: object | null = null
  #anonymous: object | null = null
  #draining = false
  /** Configurations are taken one after the other, in the order in which they came. */
  #turn: Promise<void> = Promise.resolve()
  #told = ''

  constructor(start: (options: GatewayOptions) => Promise<Gateway>, fixed: Omit<GatewayOptions, 'config' | 'listener' | 'anonymousListener'>) {
    this.#start = start
    this.#fixed = fixed
  }

  /** `handle` came with the message. */
  hear(message: ToWorker | LimitsToWorker | TargetsToWorker | PaceToWorker | CoalesceToWorker, handle: object | null): Promise<void> {
    if (message.type === 'limits' || message.type === 'targets' || message.type === 'pace' || message.type === 'coalesce') {
      this.#gateway?.hearAuthority(message)
      return this.#turn
    }
    if (message.type === 'ping') {
      tell({ type: 'pong' })
      return this.#turn
    }
    if (message.type === 'listener') {
      if (message.anonymous === true) this.#anonymous = handle
      else this.#listener = handle
      return this.#turn
    }
    // Told a second time, it is to hurry.
    if (message.type === 'drain' && this.#draining) return this.#drain(message.graceMs, message.succeeded)
    this.#turn = this.#turn.then(() => message.type === 'drain' ? this.#drain(message.graceMs, message.succeeded) : this.#take(message.config))
    return this.#turn
  }

  async #drain(graceMs: number, succeeded: boolean): Promise<void> {
    this.#draining = true
    await this.#gateway?.drain(graceMs, succeeded)
    this.#reportMetrics()
    process.exit(0)
  }

  async #take(config: ResolvedConfig): Promise<void> {
    if (this.#gateway !== null) {
      const reloaded = await this.#gateway.reload(config)
      return tell(reloaded.ok ? { type: 'accepted', version: config.version } : { type: 'refused', version: config.version, reason: reloaded.error })
    }
    try {
      this.#gateway = await this.#start({ ...this.#fixed, config, listener: this.#listener, anonymousListener: this.#anonymous })
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

function tell(message: FromWorker | LimitsToAuthority | TargetsToAuthority | PaceToAuthority | CoalesceToAuthority | Pong): void {
  process.send?.(message)
}
