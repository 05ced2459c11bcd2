import type { AfterCrash, ClaimState, IdempotencyClaim, IdempotencyName } from '@headrace/contract'
import type { KeyCalls } from '@headrace/stores'

export interface KeyDeskOptions {
  /** The keys' one writer. */
  readonly keys: Pick<KeyCalls, 'run'>
  /** Reads beside the writer. */
  readonly read: (name: IdempotencyName, now: number) => Buffer | null
  readonly afterCrash: () => AfterCrash
  readonly wall: () => number
}

/** What a key is, and the sealed answer where one is kept. */
export interface Claimed { readonly state: ClaimState, readonly answer: Buffer | null }

const keyOf = ({ tenant, id }: IdempotencyName): string => JSON.stringify([tenant, id])

/**
 * Where workers ask for idempotency keys. The writer's thread decides who runs a request; here those wait who came later, and are woken
 * when the key changes. A waiting that this process does not outlive is asked for anew by its worker.
 */
export class KeyDesk {
  readonly #options: KeyDeskOptions
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(options: KeyDeskOptions) {
    this.#options = options
  }

  /** Takes the key, or tells what it is; waits up to `waitMs` while somebody else runs the request. Rejects when the keys cannot be written. */
  async claim(claim: IdempotencyClaim, waitMs: number, signal: AbortSignal): Promise<Claimed> {
    const waited = AbortSignal.any([signal, AbortSignal.timeout(waitMs)])
    for (let last = false; ;) {
      // Listened for before it is asked: what changes meanwhile is not missed.
      const change = this.#change(claim, waited)
      try {
        const state = await this.#options.keys.run({ op: 'claim', claim })
        // Whoever asked has left meanwhile: nobody would run it.
        if (state === 'won' && signal.aborted) await this.release(claim, claim.token)
        const answer = state === 'kept' ? this.#options.read(claim, this.#options.wall()) : null
        // It was deleted between the two looks: whoever asks again runs the request.
        if (state === 'kept' && answer === null) continue
        if (state !== 'running' || last || signal.aborted) return { state, answer }
        if (!waited.aborted) await change.happened
        if (!waited.aborted) continue
        // A worker may have died with its claim on the way here, unseen: nobody waits for it twice.
        await this.abandonDead()
        last = true
      } finally {
        change.forget()
      }
    }
  }

  /** False = the claim no longer stood. */
  async settle(name: IdempotencyName, token: string, answer: Buffer | null, until: number): Promise<boolean> {
    const done = await this.#options.keys.run({ op: 'settle', name, token, answer, until })
    this.#wake(name)
    return done
  }

  async release(name: IdempotencyName, token: string): Promise<boolean> {
    const done = await this.#options.keys.run({ op: 'release', name, token })
    this.#wake(name)
    return done
  }

  /** A worker is gone: what it ran can be run by those who wait for it, or nobody knows of it. */
  async abandonDead(): Promise<void> {
    for (const name of await this.#options.keys.run({ op: 'abandon-dead', how: this.#options.afterCrash() })) this.#wake(name)
  }

  /** Those who wait at this moment. */
  get waiting(): number {
    let count = 0
    for (const waiters of this.#waiting.values()) count += waiters.size
    return count
  }

  #change(name: IdempotencyName, signal: AbortSignal): { readonly happened: Promise<void>, forget(): void } {
    const key = keyOf(name)
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiters = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiters.add(resolve))
    const stop = (): void => resolve()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) resolve()
    return {
      happened: promise,
      forget: () => {
        signal.removeEventListener('abort', stop)
        waiters.delete(resolve)
        if (waiters.size === 0 && this.#waiting.get(key) === waiters) this.#waiting.delete(key)
      },
    }
  }

  #wake(name: IdempotencyName): void {
    for (const resolve of this.#waiting.get(keyOf(name)) ?? []) resolve()
  }
}
