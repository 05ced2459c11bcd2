import { gatewayError, type ErrorKind, type Exchange, type GatewayError, type Plan, type Target } from '@headrace/contract'
import type { AttemptLayers } from './prepared-call.ts'
import { blamesTarget } from './orchestration/health/blame.ts'
import { FIRST_IN_ORDER, Route } from './orchestration/health/route.ts'
import { FALLBACK, GIVE_UP, nextStep, type NextStep } from './orchestration/retry-policy.ts'
import { describeTimeouts, timeoutsFor } from './orchestration/timeouts.ts'
import type { Rescue } from './rescue.ts'

/** A request waits at most so long in all for a target that is not to be used yet, ms. */
const LONGEST_HOLD_MS = 10_000

/**
 * One request's walk along the targets of its plan: which is next, and what follows a failure. Made when there is something to decide or to tell:
 * while all targets are well, a request goes to the first one and has none of this.
 */
export class PlanWalk {
  readonly #layers: AttemptLayers
  readonly #x: Exchange
  readonly #plan: Plan
  readonly #route: Route
  #index = 0
  /** Attempts made at the current target. */
  #onTarget = 0
  /** The last attempt's failure, and why the first target that was passed over cannot take the request. */
  #failure: GatewayError | null = null
  #refusal: GatewayError | null = null
  /** Where the attempt beside the current one is, and its number; -1, 0 = there was none. */
  #beside = -1
  #besideNumber = 0

  constructor(layers: AttemptLayers, x: Exchange, plan: Plan) {
    this.#layers = layers
    this.#x = x
    this.#plan = plan
    this.#route = new Route(plan)
    if (x.timeouts !== null) this.#route.tell(-1, 'limited', `headrace-timeout: ${describeTimeouts(x.timeouts)}`)
  }

  /** For a request that is at its first target already, because nothing spoke against it. */
  static begun(layers: AttemptLayers, x: Exchange, plan: Plan): PlanWalk {
    const walk = new PlanWalk(layers, x, plan)
    walk.#onTarget = x.attempts
    walk.#route.tell(0, 'chosen', FIRST_IN_ORDER)
    return walk
  }

  /** The best target that is left; undefined = none can be used now: see `hold`. */
  next(): Target | undefined {
    const index = this.#layers.targetPicker.choose(this.#plan, this.#route)
    if (index !== this.#index) this.#onTarget = 0
    this.#index = index
    return this.#plan.targets[index]
  }

  /** Milliseconds after which there may be a target, where the wait is worth it; a long one is the client's to decide on, who is told why. */
  hold(): number | GatewayError {
    const hold = this.#layers.targetPicker.hold(this.#plan, this.#route)
    if (hold === null) return this.#failure ?? this.#refusal ?? gatewayError('internal', 'The model has no target.')
    if (hold.waitMs === 0 || performance.now() + hold.waitMs - this.#x.startedAt > Math.min(LONGEST_HOLD_MS, this.#x.timeouts?.total ?? LONGEST_HOLD_MS)) return this.#failure ?? hold.error
    this.#route.tell(-1, 'waited', `${(hold.waitMs / 1000).toFixed(1)} s: ${hold.error.kind}`)
    return Math.ceil(hold.waitMs) + 1
  }

  attempted(): void {
    this.#onTarget++
  }

  /** The number of the next attempt. */
  get nextNumber(): number {
    return Math.max(this.#x.attempts, this.#besideNumber) + 1
  }

  /** There was a second attempt beside another one: there is one at most. */
  get hedged(): boolean {
    return this.#besideNumber > 0
  }

  /** Where a second attempt beside the current one may go; -1 = nowhere. */
  beside(): number {
    return this.#layers.targetPicker.beside(this.#plan, this.#route, this.#index)
  }

  /** It goes there. */
  hedges(index: number, waitedMs: number): void {
    this.#beside = index
    this.#besideNumber = this.nextNumber
    this.#route.tell(index, 'hedged', `the other one has said nothing for ${Math.round(waitedMs)} ms, which is longer than usual`)
  }

  /** It is over; `error` null = the current one was faster. */
  hedgeEnded(error: GatewayError | ErrorKind | null): void {
    this.#route.tell(this.#beside, 'left', error === null ? 'superseded: the other one was faster' : `${typeof error === 'string' ? error : error.kind}`)
    if (error !== null && this.#beside !== this.#index) this.#route.markTried(this.#beside)
  }

  /** The current attempt is over, and the request goes on with the one beside it; `error` null = which was faster. */
  goesOnBeside(error: GatewayError | null): void {
    if (error !== null) {
      this.#failure = error
      if (this.#beside !== this.#index) this.#route.markTried(this.#index)
    }
    this.#route.tell(this.#index, 'left', error === null ? 'superseded: the hedge was faster' : `${error.kind}: the hedge goes on`)
    if (this.#beside !== this.#index) this.#onTarget = 0
    this.#onTarget++
    this.#index = this.#beside
  }

  /** The current target cannot take the request. */
  refused(refusal: GatewayError): void {
    this.#refusal ??= refusal
    this.#passOver('it cannot take the request')
  }

  /** The current target's engine is too busy: the next one may not be. */
  shed(error: GatewayError): void {
    this.#failure = error
    this.#passOver(error.kind)
  }

  get mayTryAgain(): boolean {
    return this.#attemptsLeft > 0
  }

  /** The current target is asked to mend its answer. */
  mends(error: GatewayError): void {
    this.#route.tell(this.#index, 'left', `${error.kind}: it is asked to mend its answer`)
  }

  /** What follows an answer that was not fit to be given to the client, and not mended. */
  unfit(error: GatewayError): NextStep {
    this.#failure = error
    this.#route.markTried(this.#index)
    return this.#told(error, this.mayTryAgain && this.#prospect !== 'none' ? FALLBACK : GIVE_UP)
  }

  /** What follows the failure of an attempt. `rescue`: it was asked to go on with another one's answer. */
  failed(error: GatewayError, rescue: Pick<Rescue, 'asksOtherwise'> | null): NextStep {
    const x = this.#x
    if (rescue !== null && x.target !== null && this.mayTryAgain && rescue.asksOtherwise(x.target, error)) return this.#told(error, { action: 'retry', delayMs: 0 })
    // One target's refusal to go on with another's answer says nothing of the next one.
    if (rescue !== null && (error.kind === 'upstream-invalid-request' || error.kind === 'upstream-context-length')) return this.unfit(error)
    this.#failure = error
    // Where the target itself failed, its other credentials lead to the same place.
    if (blamesTarget(error.kind)) this.#route.markTargetTried(x.target?.name ?? '')
    else this.#route.markTried(this.#index)
    return this.#told(error, nextStep(error, {
      onTarget: this.#onTarget, attemptsLeft: this.#attemptsLeft, another: this.#prospect, timeLeft: x.startedAt + (x.target === null ? 0 : timeoutsFor(x, x.target).total) - performance.now(),
    }, this.#layers.retryBudget, Math.random))
  }

  /** After the wait for a second attempt: false = the target went out meanwhile, and another one is well. */
  get isRetryWise(): boolean {
    return this.#layers.targetPicker.isOpen(this.#plan, this.#index) || this.#prospect !== 'sound'
  }

  /** The walk so far: see `Route.text`. */
  text(): string {
    return this.#route.text()
  }

  get #attemptsLeft(): number {
    return this.#x.snapshot.policy.maxAttempts - Math.max(this.#x.attempts, this.#besideNumber)
  }

  get #prospect(): 'sound' | 'doubtful' | 'none' {
    return this.#layers.targetPicker.prospect(this.#plan, this.#route)
  }

  #told(error: GatewayError, step: NextStep): NextStep {
    const { upstreamStatus } = this.#x
    this.#route.tell(this.#index, 'left', `${error.kind}${upstreamStatus === 0 ? '' : `, status ${upstreamStatus}`}: ${step.action}`)
    return step
  }

  #passOver(why: string): void {
    this.#route.tell(this.#index, 'left', why)
    this.#route.markTried(this.#index)
  }
}
