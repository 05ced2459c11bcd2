import type { Answered, DialectClient, Question } from './dialect-client.ts'

/** Requests that come at a steady pace, whether or not earlier ones were answered. */
export interface SteadyLoad<Tag> {
  readonly answered: (Answered & { readonly tag: Tag })[]
  /** No more requests; resolves when every one is over. */
  stop(): Promise<void>
}

/** `next` says what to ask, and how the answer is to be tagged. */
export function steadyLoad<Tag>(client: DialectClient, perSecond: number, next: (turn: number) => { readonly tag: Tag, readonly question: Question }): SteadyLoad<Tag> {
  const answered: (Answered & { readonly tag: Tag })[] = []
  const running = new Set<Promise<void>>()
  const start = performance.now()
  let turn = 0
  const tick = (): void => {
    // What a busy machine fell behind is not made good in one blow.
    for (let burst = 0; burst < 20 && turn < (performance.now() - start) * perSecond / 1_000; burst++) {
      const { tag, question } = next(turn++)
      const asking = client.ask(question).then(answer => { answered.push({ ...answer, tag }) }).finally(() => running.delete(asking))
      running.add(asking)
    }
  }
  const timer = setInterval(tick, 5)
  return {
    answered,
    async stop() {
      clearInterval(timer)
      await Promise.all(running)
    },
  }
}

/** The time that this part took at most (0.99 = p99); Infinity where there are none. */
export function quantile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Infinity
}
