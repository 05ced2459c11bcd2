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
  readonly targetsLeft: number
  /** Milliseconds until the request's deadline. */
  readonly timeLeft: number
}

const GIVE_UP: NextStep = Object.freeze({ action: 'give-up' })
const FALLBACK: NextStep = Object.freeze({ action: 'fallback' })

/**
 * What follows a failed attempt before commitment. Retries only what can succeed, once per target while another one is left
 * and with growing jittered back-off where none is; honours `Retry-After` as a minimum; stays inside the retry budget.
 */
export function nextStep(error: GatewayError, state: AttemptState, budget: RetryBudget, random: () => number): NextStep {
  const policy = ERROR_POLICY[error.kind]
  if (state.attemptsLeft <= 0) return GIVE_UP
  const fallback = policy.fallback && state.targetsLeft > 0 ? FALLBACK : GIVE_UP
  if (!policy.retry) return fallback
  // Full jitter on an exponential base of 100 ms: callers that failed together do not come back together.
  const backOff = 50 + random() * 100 * 2 ** Math.min(state.onTarget - 1, 5)
  const delayMs = Math.max(error.retryAfterMs, backOff)
  if (fallback === FALLBACK && (state.onTarget > 1 || delayMs > SHORT_WAIT_MS)) return FALLBACK
  if (delayMs > Math.min(LONGEST_WAIT_MS, state.timeLeft) || !budget.take()) return fallback
  return { action: 'retry', delayMs }
}

/**
 * Bounds what retries add when a provider is down: 20 % of the requests plus 10 per second (the figures of Linkerd's retry budget).
 * A token bucket that requests fill and retries drain; time is monotonic milliseconds.
 */
export class RetryBudget {
  #tokens = 10
  #filledAt: number
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
    this.#filledAt = now()
  }

  /** Each first attempt earns a fifth of a retry. */
  earn(): void {
    if (this.#tokens < 100) this.#tokens += 0.2
  }

  /** False = the budget is spent: do not retry. */
  take(): boolean {
    const now = this.#now()
    this.#tokens = Math.min(100, this.#tokens + (now - this.#filledAt) / 100)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
