import { ERROR_POLICY, type GatewayError } from '@headrace/contract'

/** Longest wait that is worth holding a client for, ms. A provider that asks for more is passed over, or its wish handed on. */
const LONGEST_WAIT_MS = 10_000
/** A wait this short is taken on the same target even when another one is at hand. */
const SHORT_WAIT_MS = 250

export type NextStep =
  | { readonly action: 'retry', readonly delayMs: number }
  | { readonly action: 'fallback' }
  | { readonly action: 'give-up' }

export interface AttemptState {
  /** Attempts made on this target, this one included. */
  readonly onTarget: number
  /** Attempts this request may still make. */
  readonly attemptsLeft: number
  /** Another target: nothing speaks against it (`sound`), it is slow or out (`doubtful`), or there is none. */
  readonly another: 'sound' | 'doubtful' | 'none'
  /** Milliseconds until the request's deadline. */
  readonly timeLeft: number
}

export const GIVE_UP: NextStep = Object.freeze({ action: 'give-up' })
export const FALLBACK: NextStep = Object.freeze({ action: 'fallback' })

/**
 * What follows a failed attempt before commitment. Retries only what can succeed, once per target while another one is left
 * and with growing jittered back-off where none is; honours `Retry-After` as a minimum; stays inside the retry budget, fallbacks included.
 */
export function nextStep(error: GatewayError, state: AttemptState, budget: RetryBudget, random: () => number): NextStep {
  const policy = ERROR_POLICY[error.kind]
  if (state.attemptsLeft <= 0) return GIVE_UP
  const canFallBack = policy.fallback && state.another !== 'none'
  if (policy.retry) {
    // Full jitter on an exponential base of 100 ms: callers that failed together do not come back together.
    const backOff = 50 + random() * 100 * 2 ** Math.min(state.onTarget - 1, 5)
    const delayMs = Math.max(error.retryAfterMs, backOff)
    const passedOver = canFallBack && (state.onTarget > 1 || delayMs > SHORT_WAIT_MS)
    if (!passedOver && delayMs <= Math.min(LONGEST_WAIT_MS, state.timeLeft) && budget.take()) return { action: 'retry', delayMs }
  }
  return canFallBack && (state.another === 'sound' ? budget.takeSound() : budget.take()) ? FALLBACK : GIVE_UP
}

/** Tokens in the bucket at the start and at most; per second from time alone; and how far calls stranded on a target that just failed may overdraw. All workers together. */
const FIRST_TOKENS = 10
const MOST_TOKENS = 20
const PER_SECOND = 10
const OVERDRAFT = 100
/** However many workers there are, one may do so much. */
const LEAST_TOKENS = 2
const LEAST_OVERDRAFT = 10

/**
 * Bounds what retries and fallbacks add when providers are down: 20 % of the requests plus 10 per second (the figures of Linkerd's retry budget).
 * A token bucket that requests fill and further attempts drain; time is monotonic milliseconds. It is the whole installation's: each worker has its share. A fallback to a target that is well may overdraw: when one of several targets dies, everything that runs on it moves at once.
 */
export class RetryBudget {
  #tokens = FIRST_TOKENS
  #filledAt: number
  readonly #now: () => number
  readonly #workers: () => number

  constructor(now: () => number, workers: () => number = () => 1) {
    this.#now = now
    this.#workers = workers
    this.#filledAt = now()
  }

  /** Each first attempt earns a fifth of another one. */
  earn(): void {
    if (this.#tokens < this.#most) this.#tokens += 0.2
  }

  /** False = the budget is spent: no further attempt. */
  take(): boolean {
    return this.#spend(1)
  }

  /** For a fallback to a target that nothing speaks against. */
  takeSound(): boolean {
    return this.#spend(1 - Math.max(LEAST_OVERDRAFT, OVERDRAFT / this.#workers()))
  }

  get #most(): number {
    return Math.max(LEAST_TOKENS, MOST_TOKENS / this.#workers())
  }

  #spend(least: number): boolean {
    const now = this.#now()
    this.#tokens = Math.min(this.#most, this.#tokens + (now - this.#filledAt) * PER_SECOND / 1000 / this.#workers())
    this.#filledAt = now
    if (this.#tokens < least) return false
    this.#tokens -= 1
    return true
  }
}
