/**
 * How much one engine takes at the same time, and how requests wait for it. The engine's own bound, not a customer's quota: whoever finds it full waits in a
 * queue instead of being refused. Plain data; one entry of the configuration's `capacity`.
 */
export interface CapacityRule {
  /** `provider/model`, or with a trailing `*`: all models it names share one engine. Unique. */
  readonly name: string
  /** Requests at the same time, over all workers. 1 .. 100,000. */
  readonly concurrency: number
  /** Requests that may wait in one worker. 0 .. 100,000. */
  readonly queue: number
  /** The longest wait while the queue comes and goes, ms. */
  readonly waitMs: number
  /** The longest wait once the queue stands, ms; at least two turnovers of the engine. */
  readonly targetMs: number
  /** A queue that was never empty for this long stands, ms; at least as long as the engine takes for an answer. */
  readonly intervalMs: number
}
