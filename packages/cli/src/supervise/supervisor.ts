import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { failure, success, type AdminAddress, type FromControl, type FromWorker, type Result, type ToControl } from '@headrace/contract'
import { AuthorityHost } from '@headrace/gateway/authority'
import { entry } from '../entry.ts'
import { claimDataDirectory, describeInstance, releaseDataDirectory } from '../pid-file.ts'
import { ChildSlot } from './child-slot.ts'
import { forkProgram } from './fork-program.ts'
import { listenProblem } from './listen-problem.ts'
import { startSuccessor, type Predecessor, type Successor } from './succession.ts'
import type { RunDirectory } from './run-directory.ts'
import { Workers } from './workers.ts'

export interface SupervisorOptions {
  /** The data directory; created if it is not there. */
  readonly data: string
  /** Path of the configuration file; null = none. */
  readonly config: string | null
  readonly host: string | null
  readonly port: number | null
  readonly workers: number
  readonly sandbox: boolean
  /** Who hands over to this one; null = nobody does. */
  readonly predecessor: Predecessor | null
  /** Told, in words, of what happens while it runs. */
  readonly onProblem: (problem: string) => void
}

export interface StartedInstance {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** Where the admin API, metrics and page are; null = there too. */
  readonly admin: AdminAddress | null
  /** Where no key is asked for; null or left out = nowhere. */
  readonly anonymous?: { readonly host: string, readonly port: number, readonly tls: false } | null
  readonly keys: CreatedKeys | null
}

export interface CreatedKeys { readonly adminKey: string, readonly apiKey: string }

/** Why a start failed. Keys that were made on the way are never shown again, so they come along. */
export interface StartFailure { readonly reason: string, readonly keys: CreatedKeys | null }

interface SandboxReady { readonly listening: { readonly host: string, readonly port: number } }

/** Waited for the control process to read the call log out, ms. */
const CONTROL_GRACE_MS = 10_000
const SANDBOX_GRACE_MS = 2_000
/** How a worker ends that has a successor. */
const LEFT = 'ended with code 0'
/** Exits that a control process which is just being replaced is told of later, at most. */
const UNTOLD_EXITS = 100

/**
 * Starts sandbox, control and workers side by side, replaces what dies, carries messages between them and stops everything in order.
 * Loads no SQL, no HTTP, no zod: what does little cannot break much.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #run: RunDirectory
  readonly #workers: Workers
  readonly #limits: AuthorityHost
  #control: ChildSlot
  /** Set until it serves. */
  #candidate: Successor | null = null
  /** Set from when our control process has stopped for it. */
  #successor: Successor | null = null
  readonly #sandbox: ChildSlot | null
  readonly #untold: ToControl[] = []
  #sandboxAddress: { readonly host: string, readonly port: number } | null = null
  /** Where the next sandbox is to listen: where the last one did, unless that no longer works. 0 = anywhere. */
  #sandboxPort = 0
  #sandboxListens = false
  #controlReady = false
  #keys: CreatedKeys | null = null
  #admin: AdminAddress | null = null
  #phase: 'starting' | 'running' | 'handing-over' | 'stopping' = 'starting'
  #settleStart: ((result: Result<StartedInstance, StartFailure>) => void) | null = null
  #stopped: Promise<void> | null = null
  /** Whom this one succeeded has ended. */
  readonly #alone: Promise<void>

  /** Takes the run directory over: it is removed at the end. */
  constructor(options: SupervisorOptions, run: RunDirectory) {
    this.#options = options
    this.#run = run
    const { predecessor } = options
    this.#limits = new AuthorityHost({
      stateFile: join(options.data, 'limits.state'), onProblem: options.onProblem, onTargets: subjects => this.#tellControl({ type: 'targets', subjects }),
      ...(predecessor === null ? {} : { predecessor: { firstWorker: predecessor.inheritance.firstLimitsWorker, link: talk => predecessor.send({ type: 'limits', talk }) } }),
    })
    predecessor?.onMessage(message => {
      if (message.type === 'limits') this.#limits.hear(message.talk, 'predecessor')
      else if (message.type === 'worker-exit') this.#tellExit(0, message.segmentPrefix)
    })
    this.#alone = predecessor === null ? Promise.resolve() : new Promise(resolve => predecessor.onGone(() => {
      if (this.#limits.isGuest) this.#fail('The Headrace that it was to succeed has ended.')
      this.#limits.unlink('predecessor')
      resolve()
    }))
    this.#workers = new Workers({
      count: options.workers, journalDirectory: join(options.data, 'journal'), controlSocket: this.#run.socket,
      attach: child => this.#limits.attach(child),
      boot: randomBytes(4).toString('hex'), host: options.host, port: options.port,
      listener: predecessor?.listener ?? null, anonymous: predecessor?.anonymous ?? null, first: predecessor?.inheritance.firstWorker ?? 1,
      onMessage: (worker, message) => this.#hearWorker(worker, message),
      onUnbound: reason => this.#fail(listenProblem(reason)),
      onStart: () => this.#describe(),
      onLeaving: worker => this.#tellControl({ type: 'worker-leaves', worker }),
      onSilent: worker => options.onProblem(`worker ${worker} does not answer; another one takes its place.`),
      mayReplace: () => this.#phase === 'running',
      onExit: (worker, segmentPrefix, how, restartMs) => {
        this.#tellExit(worker, segmentPrefix)
        this.#died(`worker ${worker}`, how, restartMs)
      },
    })
    this.#control = this.#createControl()
    this.#sandbox = !options.sandbox ? null : new ChildSlot({
      fork: () => forkProgram(entry('sandbox'), ['--port', String(this.#sandboxPort)]),
      onStart: () => this.#describe(),
      onMessage: message => this.#hearSandbox(message as SandboxReady),
      onExit: (how, _incarnation, restartMs) => {
        this.#sandboxPort = this.#sandboxListens ? this.#sandboxAddress?.port ?? 0 : 0
        this.#sandboxListens = false
        this.#died('the sandbox', how, restartMs)
      },
    })
  }

  /** Resolves when everything listens, or with the reason why it never will; then nothing is left running. Call once. */
  async start(): Promise<Result<StartedInstance, StartFailure>> {
    const claimed = this.#claim()
    if (!claimed.ok) {
      this.#run.remove()
      return failure({ reason: claimed.error, keys: null })
    }
    const started = await new Promise<Result<StartedInstance, StartFailure>>(resolve => {
      this.#settleStart = resolve
      // The slowest to get ready first.
      this.#control.start()
      this.#sandbox?.start()
      this.#workers.start()
    })
    const { predecessor } = this.#options
    if (started.ok && predecessor !== null && await this.#limits.take()) {
      this.#describe()
      predecessor.send({ type: 'serving' })
    } else if (!started.ok) {
      predecessor?.send({ type: 'failed', reason: started.error.reason })
      await this.stop()
    }
    return started
  }

  /** Re-reads the configuration (SIGHUP). */
  reload(): void {
    this.#tellControl({ type: 'reload' })
  }

  /** Replaces every worker; clients notice nothing. Resolves with how many there are, or why some could not be replaced. */
  restart(): Promise<Result<number, string>> {
    if (this.#phase !== 'running') return Promise.resolve(failure('Headrace is not running yet, or no longer.'))
    return this.#workers.roll()
  }

  /**
   * Hands everything to another supervisor, which `command` starts; clients notice nothing. Resolves when that one serves and everything of ours has ended, or
   * with why it does not serve; then all is as before.
   */
  async handOver(command: readonly string[], onServing: (pid: number) => void): Promise<Result<void, string>> {
    const listener = this.#workers.bound
    if (this.#phase !== 'running' || listener === null || this.#limits.isGuest) return failure('Headrace is not running yet, or is about to end.')
    this.#phase = 'handing-over'
    const successor = this.#candidate = startSuccessor(command, talk => this.#limits.hear(talk, 'successor'))
    this.#limits.lead(talk => successor.send({ type: 'limits', talk }))
    const prepared = await successor.prepared()
    if (!prepared.ok) return this.#keep(successor, prepared.error)
    // Each database has one writer: ours closes them before the other opens them.
    this.#control.send({ type: 'stop' })
    await this.#control.retire(CONTROL_GRACE_MS)
    this.#successor = successor
    const succeeded = await successor.succeed({ controlSocket: this.#run.socket, firstLimitsWorker: this.#limits.successorsFirst, firstWorker: this.#workers.next }, listener, this.#workers.anonymous)
    if (!succeeded.ok) {
      this.#successor = null
      if (this.#isHandingOver()) {
        this.#control = this.#createControl()
        this.#control.start()
      }
      return this.#keep(successor, succeeded.error)
    }
    this.#candidate = null
    onServing(successor.pid)
    // What a predecessor's last workers say goes through us.
    await Promise.all([this.#workers.leave(), this.#alone])
    await this.#limits.stop()
    this.#sandbox?.kill('SIGTERM')
    await this.#sandbox?.retire(SANDBOX_GRACE_MS)
    successor.release()
    return success(undefined)
  }

  /** Asked again after a wait: meanwhile it may have been stopped. */
  #isHandingOver(): boolean {
    return this.#phase === 'handing-over'
  }

  #keep(successor: Successor, reason: string): Result<never, string> {
    successor.kill()
    this.#candidate = null
    this.#limits.unlink('successor')
    if (this.#isHandingOver()) this.#phase = 'running'
    this.#describe()
    return failure(`The new Headrace does not take over: ${reason}. This one goes on.`)
  }

  /** Workers finish what they can within the grace period; then control, when it has read their log out; then the sandbox. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder()
    return this.#stopped
  }

  /** Ends everything at once. What the workers had begun is found and counted as `unknown` by the next start. */
  kill(): void {
    this.#phase = 'stopping'
    this.#candidate?.kill()
    this.#workers.abandon()
    this.#control.abandon()
    this.#sandbox?.abandon()
    this.#release()
  }

  async #stopInOrder(): Promise<void> {
    this.#phase = 'stopping'
    this.#candidate?.kill()
    this.#settleStart?.(failure({ reason: 'It was stopped while starting.', keys: this.#keys }))
    this.#settleStart = null
    await this.#workers.drain()
    await this.#limits.stop()
    this.#control.send({ type: 'stop' })
    await this.#control.retire(CONTROL_GRACE_MS)
    this.#sandbox?.kill('SIGTERM')
    await this.#sandbox?.retire(SANDBOX_GRACE_MS)
    this.#release()
  }

  #createControl(): ChildSlot {
    return new ChildSlot({
      fork: () => forkProgram(entry('control'), ['--data', this.#options.data, '--socket', this.#run.socket, ...(this.#options.config === null ? [] : ['--config', this.#options.config])]),
      onStart: () => this.#briefControl(),
      onMessage: message => this.#hearControl(message as FromControl), // our own program speaks our own protocol
      onExit: (how, _incarnation, restartMs) => {
        this.#controlReady = false
        this.#died('the control process', how, restartMs)
      },
    })
  }

  #claim(): Result<void, string> {
    // What a predecessor has is handed over at the end.
    if (this.#options.predecessor !== null) return success(undefined)
    try {
      mkdirSync(this.#options.data, { recursive: true, mode: 0o700 })
    } catch (error) {
      return failure(`The data directory ${this.#options.data} cannot be made: ${error instanceof Error ? error.message : String(error)}. Choose another with --data.`)
    }
    return claimDataDirectory(this.#options.data, this.#run.socket)
  }

  #release(): void {
    // A predecessor that goes on keeps its directory.
    if (!this.#limits.isGuest) this.#run.remove()
    releaseDataDirectory(this.#options.data)
  }

  /** First messages to a new control process: where the sandbox is, and whatever its predecessor knew of the workers. */
  #briefControl(): void {
    if (this.#options.sandbox === false) this.#control.send({ type: 'sandbox', url: null } satisfies ToControl)
    else if (this.#sandboxAddress !== null) this.#tellSandbox()
    for (const { worker, message } of this.#workers.state) this.#control.send({ type: 'worker', worker, message } satisfies ToControl)
    for (const worker of this.#workers.leaving) this.#control.send({ type: 'worker-leaves', worker } satisfies ToControl)
    for (const message of this.#untold.splice(0)) this.#control.send(message)
    this.#describe()
  }

  #tellSandbox(): void {
    const { host, port } = this.#sandboxAddress ?? { host: '', port: 0 }
    this.#control.send({ type: 'sandbox', url: `http://${host}:${port}/v1` } satisfies ToControl)
  }

  #tellControl(message: ToControl): void {
    if (this.#control.send(message) || message.type !== 'worker-exit') return
    this.#untold.push(message)
    if (this.#untold.length > UNTOLD_EXITS) this.#untold.shift()
  }

  /** `worker`: 0 = a predecessor's. */
  #tellExit(worker: number, segmentPrefix: string): void {
    if (this.#successor === null) this.#tellControl({ type: 'worker-exit', worker, segmentPrefix })
    else this.#successor.send({ type: 'worker-exit', segmentPrefix })
  }

  #hearSandbox({ listening }: SandboxReady): void {
    const moved = listening.port !== this.#sandboxAddress?.port
    this.#sandboxListens = true
    this.#sandboxAddress = listening
    if (moved) this.#tellSandbox()
  }

  #hearControl(message: FromControl): void {
    switch (message.type) {
      case 'config': this.#workers.configure(message.config); return
      case 'keys-created': this.#keys = { adminKey: message.adminKey, apiKey: message.apiKey }; return
      case 'budgets': this.#limits.learn(message); return
      case 'ready':
        this.#controlReady = true
        this.#admin = message.admin
        this.#announce()
        return
      case 'fatal':
        if (this.#phase === 'starting') this.#fail(message.reason)
        // Invariant 2: the workers keep the configuration that they have.
        else this.#options.onProblem(`the control process gives up; the workers go on as they are configured. ${message.reason}`)
    }
  }

  #hearWorker(worker: number, message: FromWorker): void {
    this.#tellControl({ type: 'worker', worker, message })
    if (message.type === 'listening') this.#announce()
    if (message.type !== 'refused') return
    if (this.#phase === 'starting') this.#fail(listenProblem(message.reason))
    else if (this.#workers.giveUpUnlessListening(worker)) this.#options.onProblem(`worker ${worker} cannot start: ${listenProblem(message.reason)}`)
  }

  #announce(): void {
    const bound = this.#workers.bound
    if (bound === null || !this.#controlReady || !this.#workers.listening) return
    if (this.#phase === 'starting') this.#phase = 'running'
    this.#describe()
    const { anonymous } = this.#workers
    this.#settleStart?.(success({ host: bound.host, port: bound.port, tls: this.#workers.tls, admin: this.#admin, anonymous: anonymous === null ? null : { host: anonymous.host, port: anonymous.port, tls: false }, keys: this.#keys }))
    this.#settleStart = null
  }

  #describe(): void {
    const bound = this.#workers.bound
    if (this.#phase !== 'running' || bound === null || this.#limits.isGuest) return
    const { pids: workers, tls } = this.#workers
    try {
      describeInstance(this.#options.data, { workers, control: this.#control.pid, sandbox: this.#sandbox?.pid ?? null, host: bound.host, port: bound.port, tls, admin: this.#admin, controlSocket: this.#run.socket })
    } catch (error) {
      // A full disk must not end what runs.
      this.#options.onProblem(`the list of processes in ${this.#options.data} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #died(what: string, how: string, restartMs: number | null): void {
    if (this.#phase === 'stopping' || (this.#phase === 'handing-over' && restartMs === null && how === LEFT)) return
    if (this.#phase === 'starting') return this.#fail(`${what} ${how} before it was ready.`)
    if (restartMs === null) {
      if (how !== LEFT) this.#options.onProblem(`${what} ${how} while it finished its last answers.`)
      return
    }
    this.#options.onProblem(`${what} ${how}; another one starts ${restartMs === 0 ? 'now' : `in ${restartMs} ms`}.`)
  }

  #fail(reason: string): void {
    this.#settleStart?.(failure({ reason, keys: this.#keys }))
    this.#settleStart = null
  }
}
