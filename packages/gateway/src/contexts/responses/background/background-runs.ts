import type { BackgroundRun } from './background-run.ts'

/** Responses that one worker runs in the background at most. */
const MOST_RUNS = 1_024
/** What is told to stop has so long to say so, ms. */
const LAST_WORDS_MS = 2_000

/** The responses that this process runs without their clients. */
export class BackgroundRuns {
  /** Identity of this process. */
  readonly runner: string
  readonly #runs = new Set<BackgroundRun>()

  constructor(runner: string) {
    this.runner = runner
  }

  get size(): number {
    return this.#runs.size
  }

  get full(): boolean {
    return this.#runs.size >= MOST_RUNS
  }

  add(run: BackgroundRun): void {
    this.#runs.add(run)
    void run.done.finally(() => this.#runs.delete(run))
  }

  /** Resolves when all have ended, or soon after `graceMs`: then those that are left are told to, and how they ended is on file. */
  async drain(graceMs: number): Promise<void> {
    await this.#ended(graceMs)
    for (const run of this.#runs) run.shutdown()
    await this.#ended(LAST_WORDS_MS)
  }

  async #ended(ms: number): Promise<void> {
    if (this.#runs.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    await Promise.race([promise, Promise.all([...this.#runs].map(({ done }) => done))])
    clearTimeout(timer)
  }
}
