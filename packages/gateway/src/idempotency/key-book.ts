import type { ClaimState, IdempotencyClaim, IdempotencyName, MetricsState } from '@headrace/contract'
import type { Claimed, KeyClient } from './key-client.ts'

/** An answer waits for being kept so long at most, ms: a client that never gets it is worse off than one that cannot ask for it again. */
const HOLD_MS = 3_000
/** What could not be told is told again this often, and given up after this time, ms: then the claim ends with its time or its worker. */
const AGAIN_MS = 200
const GIVE_UP_MS = 60_000
/** Answers and releases that wait to be told, at most, and the bytes of those answers. */
const MAX_UNTOLD = 1_000
const MAX_UNTOLD_BYTES = 64 * 2 ** 20

/** Requests of one worker that wait for what their key is, at most. */
const MAX_WAITING = 1_000

export interface KeyBookClock {
  /** Monotonic ms. */
  readonly now: () => number
  /** Resolves after so many ms, or at once when the signal aborts; must not keep the process alive. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<unknown>
}

/** A worker's side of idempotency keys: asks for claims, and tells how they ended until it is heard. */
export class KeyBook {
  readonly #client: Pick<KeyClient, 'claim' | 'settle' | 'release' | 'close'>
  readonly #clock: KeyBookClock
  readonly #seen = new Map<ClaimState, number>()
  #waiting = 0
  #untold = 0
  #untoldBytes = 0
  #closed = false

  constructor(client: Pick<KeyClient, 'claim' | 'settle' | 'release' | 'close'>, clock: KeyBookClock) {
    this.#client = client
    this.#clock = clock
  }

  /** False = too many requests wait already. Else `leave` is to follow. */
  enter(): boolean {
    if (this.#waiting >= MAX_WAITING) return false
    this.#waiting++
    return true
  }

  leave(): void {
    this.#waiting--
  }

  /** A request heard what its key is. */
  count(state: ClaimState): void {
    this.#seen.set(state, (this.#seen.get(state) ?? 0) + 1)
  }

  /** The metrics with those of the keys, where there are any. */
  addTo(metrics: MetricsState): MetricsState {
    if (this.#seen.size === 0 && this.#waiting === 0) return metrics
    const counters: Record<string, number> = { ...metrics.counters }
    for (const [state, count] of this.#seen) counters[`headrace_idempotency_keys_total{state="${state}"}`] = count
    return { ...metrics, counters, gauges: { ...metrics.gauges, headrace_idempotency_waiting: this.#waiting } }
  }

  /** Before it is asked again. */
  pause(ms: number, signal: AbortSignal): Promise<unknown> {
    return this.#clock.pause(ms, signal)
  }

  /** Rejects where the control process does not answer. */
  claim(claim: IdempotencyClaim, waitMs: number, signal: AbortSignal): Promise<Claimed> {
    return this.#client.claim(claim, waitMs, signal)
  }

  /** Resolves when the sealed answer is durable, or when it has been held long enough; it is told on then. Null = too large to be kept. */
  async settle(name: IdempotencyName, token: string, answer: Buffer | null, until: number): Promise<void> {
    const told = this.#tell(() => this.#client.settle(name, token, answer, until), answer?.length ?? 0)
    const held = new AbortController()
    await Promise.race([told, this.#clock.pause(HOLD_MS, held.signal)])
    held.abort()
  }

  release(name: IdempotencyName, token: string): void {
    void this.#tell(() => this.#client.release(name, token), 0)
  }

  close(): void {
    this.#closed = true
    this.#client.close()
  }

  /** Until it is heard, or not worth it any more. Never rejects. */
  async #tell(send: () => Promise<void>, bytes: number): Promise<void> {
    if (this.#untold >= MAX_UNTOLD || this.#untoldBytes + bytes > MAX_UNTOLD_BYTES) return
    this.#untold++
    this.#untoldBytes += bytes
    for (const end = this.#clock.now() + GIVE_UP_MS; !this.#closed && this.#clock.now() < end;) {
      const heard = await send().then(() => true, () => false)
      if (heard) break
      await this.#clock.pause(AGAIN_MS)
    }
    this.#untold--
    this.#untoldBytes -= bytes
  }
}
