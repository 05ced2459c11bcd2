import type { ChildProcess } from 'node:child_process'
import { failure, success, type CoalesceToAuthority, type FromWorker, type LimitsToAuthority, type PaceToAuthority, type Pong, type ResolvedConfig, type Result, type TargetsToAuthority, type ToWorker } from '@headrace/contract'
import { entry } from '../entry.ts'
import { BackOff } from './back-off.ts'
import { ChildSlot } from './child-slot.ts'
import { forkProgram } from './fork-program.ts'
import { isStopped } from './is-stopped.ts'
import { openListener, type Listener } from './listener.ts'
import { Pulse } from './pulse.ts'
import { starvationOf } from './starvation.ts'

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
  /** The socket that a predecessor handed over; null = one is bound. */
  readonly listener: Listener | null
  /** The same of the listener where no key is asked for. */
  readonly anonymous: Listener | null
  /** Number of the first worker. */
  readonly first: number
  /** Serves a new worker's leases on its channel. */
  readonly attach: (child: ChildProcess) => ChildProcess
  readonly onMessage: (worker: number, message: FromWorker) => void
  /** The address cannot be listened on: `listenProblem` explains. */
  readonly onUnbound: (reason: string) => void
  /** The workers are other processes than before. */
  readonly onStart: () => void
  /** A worker has a successor and finishes what it has begun. */
  readonly onLeaving: (worker: number) => void
  /** A worker does not answer; another one is started for its place. */
  readonly onSilent: (worker: number) => void
  /** False = nobody is to be replaced now but who died: a hand-over is under way. */
  readonly mayReplace: () => boolean
  readonly onExit: (worker: number, segmentPrefix: string, how: string, restartMs: number | null) => void
}

/** What one worker last said, for whoever has to be told again. */
interface WorkerState {
  readonly number: number
  readonly slot: ChildSlot
  listening: FromWorker | null
  configured: FromWorker | null
  metrics: FromWorker | null
  /** Runs while the worker listens. */
  pulse: Pulse | null
  /** Set while it is to succeed another: hears whether it can. */
  onReady: ((ready: Result<void, string>) => void) | null
}

/** The data-plane workers: all accept from one socket, all have the same configuration. They count from 1; whoever succeeds another gets the next number. */
export class Workers {
  readonly #options: WorkersOptions
  readonly #workers: WorkerState[]
  /** They have a successor and finish what they have begun. */
  readonly #leaving = new Set<WorkerState>()
  /** Starting, to succeed another. */
  #fresh: WorkerState | null = null
  #numbers: number
  #config: ResolvedConfig | null = null
  #listener: Listener | null = null
  /** Where no key is asked for; null = nowhere, or not yet. */
  #anonymous: Listener | null = null
  #opening = false
  #ending = false
  #rolling: Promise<unknown> = Promise.resolve()
  /** A machine on which workers are silent again and again is not helped by further ones. */
  readonly #silences = new BackOff(() => performance.now())

  constructor(options: WorkersOptions) {
    this.#options = options
    this.#listener = options.listener
    this.#anonymous = options.anonymous
    this.#numbers = options.first + options.count - 1
    this.#workers = Array.from({ length: options.count }, (_, index) => this.#createWorker(options.first + index))
  }

  get pids(): readonly number[] {
    return this.#workers.map(({ slot }) => slot.pid).filter(pid => pid !== 0)
  }

  /** Where they listen; null before there is a configuration that says so. */
  get bound(): Listener | null {
    return this.#listener
  }

  /** Where they listen without asking for keys. */
  get anonymous(): Listener | null {
    return this.#anonymous
  }

  get listening(): boolean {
    return this.#workers.every(worker => worker.listening !== null)
  }

  get tls(): boolean {
    return this.#config?.server.tls != null
  }

  /** Everything that each living worker last said. */
  get state(): readonly { readonly worker: number, readonly message: FromWorker }[] {
    return [...this.#workers, ...this.#leaving].flatMap(({ number, listening, configured, metrics }) =>
      [listening, configured, metrics].filter(message => message !== null).map(message => ({ worker: number, message })))
  }

  /** The number that no worker has had. */
  get next(): number {
    return this.#numbers + 1
  }

  get leaving(): readonly number[] {
    return [...this.#leaving].map(({ number }) => number)
  }

  start(): void {
    for (const { slot } of this.#workers) slot.start()
  }

  configure(config: ResolvedConfig): void {
    this.#config = config
    if (this.#listener === null) return void this.#open(config)
    for (const worker of this.#workers) this.#sendConfig(worker)
    if (this.#fresh !== null) this.#sendConfig(this.#fresh)
  }

  /**
   * Replaces every worker, one after the other: the successor listens before its predecessor stops accepting, and the socket stays open throughout.
   * Resolves when the last successor listens, with how many there are; predecessors may still be finishing. On a failure the rest stay as they are.
   */
  roll(): Promise<Result<number, string>> {
    const rolled = this.#rolling.then(async () => {
      const before = [...this.#workers]
      for (const worker of before) {
        const replaced = await this.#succeed(worker)
        if (!replaced.ok) return replaced
      }
      return success(before.length)
    })
    this.#rolling = rolled
    return rolled
  }

  /** Another supervisor's workers accept from the socket: ours finish what they have begun, and clients notice nothing. */
  async leave(): Promise<void> {
    this.#ending = true
    this.#listener?.close()
    this.#anonymous?.close()
    for (const worker of this.#workers) this.#leave(worker)
    await Promise.all([...this.#leaving].map(({ slot }) => slot.retire(LONGEST_MS)))
  }

  /** Lets answers finish for the configured grace period, then ends all workers. */
  async drain(): Promise<void> {
    this.#ending = true
    const graceMs = this.#config?.server.drainMs ?? 0
    this.#fresh?.slot.abandon()
    // From now on the workers' own copies hold the socket: with the last of them it is closed, and nobody waits in its queue in vain.
    this.#listener?.close()
    this.#anonymous?.close()
    await Promise.all([...this.#workers, ...this.#leaving].map(async ({ slot, pulse }) => {
      pulse?.stop()
      slot.send({ type: 'drain', graceMs, succeeded: false } satisfies ToWorker)
      await slot.retire(graceMs + AFTER_GRACE_MS)
    }))
  }

  /** Ends a worker that does not serve, so that another one tries after a pause. False = it serves and stays. */
  giveUpUnlessListening(number: number): boolean {
    const worker = this.#workers.find(candidate => candidate.number === number)
    if (worker === undefined || worker.listening !== null) return false
    worker.slot.kill('SIGKILL')
    return true
  }

  abandon(): void {
    this.#ending = true
    this.#listener?.close()
    this.#anonymous?.close()
    for (const { slot } of [...this.#workers, ...this.#leaving]) slot.abandon()
    this.#fresh?.slot.abandon()
  }

  #createWorker(number: number): WorkerState {
    const { boot, journalDirectory, controlSocket } = this.#options
    const prefix = (incarnation: number): string => `w${number}-${boot}-${incarnation}`
    const worker: WorkerState = {
      number, listening: null, configured: null, metrics: null, pulse: null, onReady: null,
      slot: new ChildSlot({
        fork: incarnation => this.#options.attach(forkProgram(entry('worker'),
          ['--journal-dir', journalDirectory, '--journal-prefix', prefix(incarnation), '--control-socket', controlSocket])),
        onStart: () => {
          this.#sendListener(worker)
          this.#sendConfig(worker)
          if (worker !== this.#fresh) this.#options.onStart()
        },
        // Our own program speaks our own protocol.
        onMessage: message => this.#hear(worker, message as FromWorker | LimitsToAuthority | TargetsToAuthority | PaceToAuthority | CoalesceToAuthority | Pong),
        onExit: (how, incarnation, restartMs) => {
          worker.pulse?.stop()
          worker.pulse = worker.listening = worker.configured = worker.metrics = null
          const { onReady } = worker
          worker.onReady = null
          onReady?.(failure(`it ${how} before it was ready`))
          this.#options.onExit(number, prefix(incarnation), how, onReady === null ? restartMs : null)
        },
      }),
    }
    return worker
  }

  #hear(worker: WorkerState, message: FromWorker | LimitsToAuthority | TargetsToAuthority | PaceToAuthority | CoalesceToAuthority | Pong): void {
    // The authorities listen on the channel by themselves.
    if (message.type === 'limits' || message.type === 'targets' || message.type === 'pace' || message.type === 'coalesce') return
    if (message.type === 'pong') return worker.pulse?.beat()
    if (message.type === 'listening') {
      worker.listening = message
      worker.pulse ??= this.#feel(worker)
    } else if (message.type === 'metrics') worker.metrics = message
    else worker.configured = message
    const { onReady } = worker
    if (onReady !== null && message.type === 'refused') return onReady(failure(message.reason))
    this.#options.onMessage(worker.number, message)
    if (message.type === 'listening') onReady?.(success(undefined))
  }

  /**
   * A worker that hangs is worth no more than a dead one. Long before that is certain its place is given to another one, as in a restart: if it was only slow, it finishes
   * what it has begun and nobody loses anything.
   */
  #feel(worker: WorkerState): Pulse {
    const starvation = starvationOf(worker.slot.pid)
    return new Pulse({
      ask: () => worker.slot.send({ type: 'ping' }),
      excused: () => {
        const starved = starvation.look(performance.now())
        // A stopped process waits for no core and takes nothing in. Who takes a large configuration in would be followed by one that has the same to do.
        return !isStopped(worker.slot.pid) && (starved || this.#isConfiguring(worker))
      },
      onSilent: () => this.#relieve(worker), onHung: () => worker.slot.kill('SIGKILL'),
    })
  }

  #relieve(worker: WorkerState): void {
    this.#rolling = this.#rolling.then(async () => {
      if (worker.pulse?.silent !== true || !this.#workers.includes(worker) || !this.#options.mayReplace() || this.#silences.next() > 0) return
      this.#options.onSilent(worker.number)
      const { pid } = worker.slot
      const relieved = await this.#succeed(worker)
      // Else it is given the rest of its time: what it holds comes back with its end.
      if (relieved.ok && worker.slot.pid === pid && isStopped(pid)) worker.slot.kill('SIGKILL')
    })
  }

  #isConfiguring({ configured }: WorkerState): boolean {
    return configured === null || !('version' in configured) || configured.version !== this.#config?.version
  }

  async #succeed(old: WorkerState): Promise<Result<void, string>> {
    const place = this.#workers.indexOf(old)
    if (this.#ending || place === -1) return failure('Headrace is stopping.')
    const fresh = this.#fresh = this.#createWorker(++this.#numbers)
    const { promise, resolve } = Promise.withResolvers<Result<void, string>>()
    fresh.onReady = resolve
    const timer = setTimeout(() => resolve(failure(`it was not ready after ${READY_MS} ms`)), READY_MS)
    fresh.slot.start()
    const ready = await promise
    clearTimeout(timer)
    fresh.onReady = this.#fresh = null
    if (!ready.ok || this.#ending) {
      fresh.slot.abandon()
      return ready.ok ? failure('Headrace is stopping.') : failure(`The new worker cannot serve: ${ready.error}. The old one stays.`)
    }
    this.#workers[place] = fresh
    this.#leave(old)
    this.#options.onStart()
    return ready
  }

  #leave(old: WorkerState): void {
    const graceMs = this.#config?.server.drainMs ?? 0
    // Who is silent may hang: it goes on being felt.
    if (old.pulse?.silent !== true) old.pulse?.stop()
    this.#leaving.add(old)
    this.#options.onLeaving(old.number)
    old.slot.send({ type: 'drain', graceMs, succeeded: true } satisfies ToWorker)
    void old.slot.retire(graceMs + AFTER_GRACE_MS).then(() => this.#leaving.delete(old))
  }

  async #open(config: ResolvedConfig): Promise<void> {
    if (this.#opening) return
    this.#opening = true
    const opened = await openListener(this.#options.host ?? config.server.host, this.#options.port ?? config.server.port)
    this.#opening = false
    if (!opened.ok) return this.#options.onUnbound(opened.error)
    if (this.#ending) return opened.value.close()
    const { anonymous } = config.server
    if (anonymous !== undefined && this.#anonymous === null) {
      const other = await openListener(anonymous.host, anonymous.port)
      if (!other.ok) {
        opened.value.close()
        return this.#options.onUnbound(other.error)
      }
      this.#anonymous = other.value
      if (this.#ending) {
        other.value.close()
        return opened.value.close()
      }
    }
    this.#listener = opened.value
    for (const worker of this.#workers) {
      this.#sendListener(worker)
      this.#sendConfig(worker)
    }
  }

  #sendListener({ slot }: WorkerState): void {
    if (this.#listener !== null) slot.send({ type: 'listener' } satisfies ToWorker, this.#listener.handle)
    if (this.#anonymous !== null) slot.send({ type: 'listener', anonymous: true } satisfies ToWorker, this.#anonymous.handle)
  }

  #sendConfig({ slot }: WorkerState): void {
    if (this.#config === null || this.#listener === null) return
    const { host, port } = this.#listener
    const { anonymous } = this.#config.server
    // Only where it is bound: one that came with a later configuration waits for a restart.
    const bound = anonymous === undefined || this.#anonymous === null ? undefined : { ...anonymous, host: this.#anonymous.host, port: this.#anonymous.port }
    slot.send({ type: 'config', config: { ...this.#config, server: { ...this.#config.server, host, port, anonymous: bound } } } satisfies ToWorker)
  }
}

/** The grace period ends a worker long before, ms. */
const LONGEST_MS = 2 ** 31 - 1
/** A successor that takes longer is none, ms. */
const READY_MS = 30_000
/** Cutting off what did not finish and writing the log out takes this long at most, ms. */
const AFTER_GRACE_MS = 3_000
