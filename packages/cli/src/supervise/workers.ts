import type { ChildProcess } from 'node:child_process'
import type { FromWorker, LimitsToAuthority, Pong, ResolvedConfig, TargetsToAuthority } from '@headrace/contract'
import { entry } from '../entry.ts'
import { ChildSlot } from './child-slot.ts'
import { forkWorker } from './fork-program.ts'
import { Pulse } from './pulse.ts'

export interface WorkersOptions {
  readonly count: number
  /** Where call-log segments go. */
  readonly journalDirectory: string
  readonly controlSocket: string
  /** Tells this start of the supervisor from others in file names. */
  readonly boot: string
  /** From the command line; null = as configured. */
  readonly host: string | null
  readonly port: number | null
  /** Serves a new worker's leases on its channel. */
  readonly attach: (child: ChildProcess) => ChildProcess
  readonly onMessage: (worker: number, message: FromWorker) => void
  /** A worker was started (again). */
  readonly onStart: () => void
  readonly onExit: (worker: number, segmentPrefix: string, how: string, restartMs: number | null) => void
}

/** What one worker last said, for whoever has to be told again. */
interface WorkerState {
  readonly slot: ChildSlot
  listening: FromWorker | null
  configured: FromWorker | null
  metrics: FromWorker | null
  /** Runs while the worker listens. */
  pulse: Pulse | null
}

/** The data-plane workers: all on one address, all with the same configuration. Workers count from 1. */
export class Workers {
  readonly #options: WorkersOptions
  readonly #workers: readonly WorkerState[]
  #config: ResolvedConfig | null = null
  /** What workers are told to listen on. Equal for all of them, because node:cluster shares sockets by it. */
  #asked: { readonly host: string, readonly port: number } | null = null
  #bound: { readonly host: string, readonly port: number } | null = null

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#workers = Array.from({ length: options.count }, (_, index) => this.#createWorker(index + 1))
  }

  get pids(): readonly number[] {
    return this.#workers.map(({ slot }) => slot.pid).filter(pid => pid !== 0)
  }

  /** Where they listen; null before the first does. */
  get bound(): { readonly host: string, readonly port: number } | null {
    return this.#bound
  }

  get listening(): boolean {
    return this.#workers.every(worker => worker.listening !== null)
  }

  get tls(): boolean {
    return this.#config?.server.tls != null
  }

  /** Everything that each living worker last said. */
  get state(): readonly { readonly worker: number, readonly message: FromWorker }[] {
    return this.#workers.flatMap(({ listening, configured, metrics }, index) =>
      [listening, configured, metrics].filter(message => message !== null).map(message => ({ worker: index + 1, message })))
  }

  start(): void {
    for (const { slot } of this.#workers) slot.start()
  }

  configure(config: ResolvedConfig): void {
    this.#config = config
    this.#asked ??= { host: this.#options.host ?? config.server.host, port: this.#options.port ?? config.server.port }
    for (const worker of this.#workers) this.#sendConfig(worker)
  }

  /** Lets answers finish for the configured grace period, then ends all workers. */
  async drain(): Promise<void> {
    const graceMs = this.#config?.server.drainMs ?? 0
    await Promise.all(this.#workers.map(async ({ slot, pulse }) => {
      pulse?.stop()
      slot.send({ type: 'drain', graceMs })
      await slot.retire(graceMs + AFTER_GRACE_MS)
    }))
  }

  /** Ends a worker that does not serve, so that another one tries after a pause. False = it serves and stays. */
  giveUpUnlessListening(number: number): boolean {
    const worker = this.#workers[number - 1]
    if (worker === undefined || worker.listening !== null) return false
    worker.slot.kill('SIGKILL')
    return true
  }

  abandon(): void {
    for (const { slot } of this.#workers) slot.abandon()
  }

  #createWorker(number: number): WorkerState {
    const { boot, journalDirectory, controlSocket } = this.#options
    const prefix = (incarnation: number): string => `w${number}-${boot}-${incarnation}`
    const worker: WorkerState = {
      listening: null, configured: null, metrics: null, pulse: null,
      slot: new ChildSlot({
        fork: incarnation => this.#options.attach(forkWorker(entry('worker'),
          ['--journal-dir', journalDirectory, '--journal-prefix', prefix(incarnation), '--control-socket', controlSocket])),
        onStart: () => {
          this.#sendConfig(worker)
          this.#options.onStart()
        },
        // Our own program speaks our own protocol.
        onMessage: message => this.#hear(number, worker, message as FromWorker | LimitsToAuthority | TargetsToAuthority | Pong),
        onExit: (how, incarnation, restartMs) => {
          worker.pulse?.stop()
          worker.pulse = worker.listening = worker.configured = worker.metrics = null
          // Nobody holds the socket any more, so the next one asks for exactly the address that clients know.
          if (this.#bound !== null && this.pids.length === 0) this.#asked = this.#bound
          this.#options.onExit(number, prefix(incarnation), how, restartMs)
        },
      }),
    }
    return worker
  }

  #hear(number: number, worker: WorkerState, message: FromWorker | LimitsToAuthority | TargetsToAuthority | Pong): void {
    // The authorities listen on the channel by themselves.
    if (message.type === 'limits' || message.type === 'targets') return
    if (message.type === 'pong') return worker.pulse?.beat()
    if (message.type === 'listening') {
      worker.listening = message
      worker.pulse ??= this.#feel(worker.slot)
      this.#bound ??= { host: message.host, port: message.port }
    } else if (message.type === 'metrics') worker.metrics = message
    else worker.configured = message
    this.#options.onMessage(number, message)
  }

  /** A worker that hangs is worth no more than a dead one: it is ended, and its slot starts another. */
  #feel(slot: ChildSlot): Pulse {
    return new Pulse({ ask: () => slot.send({ type: 'ping' }), onHung: () => slot.kill('SIGKILL'), now: () => performance.now() })
  }

  #sendConfig({ slot }: WorkerState): void {
    if (this.#config === null || this.#asked === null) return
    slot.send({ type: 'config', config: { ...this.#config, server: { ...this.#config.server, ...this.#asked } } })
  }
}

/** Cutting off what did not finish and writing the log out takes this long at most, ms. */
const AFTER_GRACE_MS = 3_000
