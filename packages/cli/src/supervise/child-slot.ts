import type { ChildProcess, SendHandle } from 'node:child_process'
import { BackOff } from './back-off.ts'

export interface SlotOptions {
  /** Starts the process; `incarnation` counts from 1. */
  readonly fork: (incarnation: number) => ChildProcess
  /** Runs right after each start: the place for first messages. */
  readonly onStart: () => void
  readonly onMessage: (message: unknown) => void
  /** Told of each death, with the reason in words. `restartMs`: when the next one starts; null = not at all, because the slot was retired. */
  readonly onExit: (how: string, incarnation: number, restartMs: number | null) => void
}

/** Keeps one process alive: starts it, starts another when it dies, until it is retired. */
export class ChildSlot {
  readonly #options: SlotOptions
  readonly #backOff = new BackOff(() => performance.now())
  #child: ChildProcess | null = null
  #incarnation = 0
  #retired = false
  #timer: NodeJS.Timeout | null = null
  #onGone: (() => void)[] = []

  constructor(options: SlotOptions) {
    this.#options = options
  }

  /** Of the living process; 0 = none lives. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  start(): void {
    this.#timer = null
    if (this.#retired) return
    const incarnation = ++this.#incarnation
    const child = this.#child = this.#options.fork(incarnation)
    let over = false
    const ended = (how: string): void => {
      if (over) return
      over = true
      this.#ended(how, incarnation)
    }
    child.on('message', message => { if (!over) this.#options.onMessage(message) })
    child.on('error', error => { if (child.pid === undefined) ended(`could not be started: ${error.message}`) })
    child.on('exit', (code, signal) => ended(signal === null ? `ended with code ${String(code)}` : `was ended by ${signal}`))
    this.#options.onStart()
  }

  /** False = nobody is there to hear it. */
  send(message: object, handle?: SendHandle): boolean {
    const child = this.#child
    if (child === null || !child.connected) return false
    // A channel that breaks meanwhile is reported by the exit.
    child.send(message, handle, () => {})
    return true
  }

  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Ends the process at once, with no further start. */
  abandon(): void {
    this.#retired = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.kill('SIGKILL')
  }

  /** No further start. Resolves when the process is gone; one that is still there after `graceMs` is killed. */
  async retire(graceMs: number): Promise<void> {
    this.#retired = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#child === null) return
    const killer = setTimeout(() => this.kill('SIGKILL'), graceMs)
    await new Promise<void>(resolve => { this.#onGone.push(resolve) })
    clearTimeout(killer)
  }

  #ended(how: string, incarnation: number): void {
    this.#child = null
    const restartMs = this.#retired ? null : this.#backOff.next()
    if (restartMs !== null) this.#timer = setTimeout(() => this.start(), restartMs)
    this.#options.onExit(how, incarnation, restartMs)
    for (const gone of this.#onGone.splice(0)) gone()
  }
}
