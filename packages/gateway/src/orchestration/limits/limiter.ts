import { budgetPart, dollars, gatewayError, type BodyHolder, type Exchange, type GatewayError, type LimitResource, type LimitRule, type LimitsToWorker, type Principal } from '@headrace/contract'
import { callCost, MOST_CHARGED_TOKENS, mostCost } from './call-cost.ts'
import { LeaseDesk, type DeskOptions } from './lease-desk.ts'
import type { Lease, Shortage } from './lease.ts'
import { LimitTable, type CounterSet } from './limit-table.ts'
import { renderRateLimit } from './rate-limit-headers.ts'
import { describeRefusal } from './refusal.ts'
import { TokenForecast } from './token-forecast.ts'

/** What one admitted request holds of its counters. Made by `admit`, ended by `settle`. */
export class Admission {
  readonly set: CounterSet
  /** Input tokens as estimated from the body, and as reserved after correction; output tokens as reserved. */
  readonly estimate: number
  readonly input: number
  readonly output: number
  /** Nano-dollars reserved. */
  readonly cost: number
  /** Its answer is another request's: it counts as a request and takes a slot, and nothing else. */
  readonly shares: boolean
  /** Unix ms at which it was admitted. */
  readonly wall: number
  /** Output tokens and nano-dollars charged beyond the reservation so far. */
  extra = 0
  extraCost = 0
  settled = false

  constructor(set: CounterSet, estimate: number, input: number, output: number, cost: number, wall: number, shares = false) {
    this.set = set
    this.estimate = estimate
    this.input = input
    this.output = output
    this.cost = cost
    this.wall = wall
    this.shares = shares
  }
}

/** A request that no limit concerns. Shared: it costs nothing. */
export const UNLIMITED: Admission = Object.freeze(new Admission(Object.freeze({ leases: [], resources: [], names: [], openings: [], countsTokens: false, countsCost: false, policies: '' }), 0, 0, 0, 0, 0))

/** Their answers are no tokens of output. */
const WRITES_NOTHING: ReadonlySet<Exchange['operation']> = new Set<Exchange['operation']>(['embeddings', 'rerank', 'moderation'])

/** An estimate may be this much too high before a request is told that it can never fit. */
const ESTIMATE_MARGIN = 1.25
/** Input is reserved for with this many tokens more than estimated and margin: what a provider adds to a short prompt. */
const INPUT_EXTRA = 32
/** Bytes of a request per input token, about, where an estimate is not worth its time. */
const BYTES_PER_TOKEN = 4
/** While an answer runs beyond its reservation it is charged each time that it has grown by this part, and by this many tokens at least: so some 100 times in all. */
const PROGRESS_PART = 16
const PROGRESS_TOKENS = 32

/**
 * Admits requests against all limits that concern them, all or none, from leases in memory (invariants 6 and 12): what is waited for is the
 * lease authority, and only where a lease has run out. Requests and slots are exact; tokens are reserved by forecast and settled by usage.
 */
export class Limiter {
  readonly #desk: LeaseDesk
  readonly #options: DeskOptions
  readonly #forecast = new TokenForecast()
  #table: LimitTable

  /** `desk`: shared with whoever else leases from the authority. */
  constructor(options: DeskOptions, desk = new LeaseDesk(options)) {
    this.#options = options
    this.#desk = desk
    this.#table = new LimitTable([], 0, this.#openLease)
  }

  /** Takes over another configuration's rules. What was used so far stays used. */
  adopt(rules: readonly LimitRule[], version: number): void {
    this.#table = new LimitTable(rules, version, this.#openLease)
  }

  receive(message: LimitsToWorker): void {
    this.#desk.receive(message)
  }

  /** Call it about four times per second. */
  sweep(): void {
    this.#desk.sweep()
  }

  /** Units of all counters that lie here unused. */
  get unused(): number {
    return this.#desk.unused
  }

  /** For a worker that ends: what it has of its leases goes back at once. */
  close(): void {
    this.#desk.close()
  }

  /**
   * Admits a request, usually at once. `maxOutput` = output tokens that the client allows, < 0 = not said. The exchange's principal, model, user
   * and plan are set. `shares`: its answer is another request's, which has been admitted for it. Every `Admission` must come to `settle` once, also when the client has left while it was waited for.
   * Errors: `rate-limited`, `budget-exceeded`, `forbidden` (a budget, and a model without a price), `invalid-request` (more tokens than the limit can ever give), `overloaded` (the authority does not answer).
   */
  admit(x: Exchange, request: BodyHolder, maxOutput: number, shares = false): Admission | GatewayError | Promise<Admission | GatewayError> {
    const principal = x.principal
    if (this.#table.empty || principal === null) return UNLIMITED
    const set = this.#table.find(x, principal)
    if (set.leases.length === 0) return UNLIMITED
    if (set.countsCost && !isPriced(x)) return gatewayError('forbidden', `The model ${JSON.stringify(x.model)} has no price, and a budget applies to this key. Whoever runs this gateway can add one under "prices".`, { param: 'model' })
    const admission = shares ? new Admission(set, 0, 0, 0, 0, x.wallTime, true) : this.#prepare(x, set, request, maxOutput)
    return this.#takeAll(admission) ? admission : this.#admitSlowly(x, principal, admission, request, maxOutput)
  }

  /**
   * The answer has come to `x.responseBytes`: what its reservation does not cover is charged now, not at its end, by what such an answer usually
   * has of tokens. Returns how many bytes it must have come to for the next call; Infinity = never.
   */
  progress(admission: Admission, x: Exchange): number {
    const { leases, resources, countsTokens, countsCost } = admission.set
    if (admission.settled || !(countsTokens || countsCost)) return Infinity
    const output = this.#credibleOutput(x)
    const extra = Math.max(0, output - admission.output - admission.extra)
    const extraCost = countsCost ? Math.max(0, x.spentNano + this.#costSoFar(x, admission, output) - admission.cost - admission.extraCost) : 0
    admission.extra += extra
    admission.extraCost += extraCost
    for (let index = 0; index < leases.length; index++) {
      const lease = leases[index]
      const units = resources[index] === 'cost' ? extraCost : countsOutput(resources[index]) ? extra : 0
      if (lease !== undefined && units > 0) this.#desk.overdraw(lease, units)
    }
    return x.responseBytes + this.#bytesOf(x, Math.max(PROGRESS_TOKENS, output / PROGRESS_PART))
  }

  /**
   * A second attempt is to run beside the first, as `x` says: what it may cost is reserved too. False = a budget has no room for it, and nothing is taken.
   * `settle` gives back what it did not cost.
   */
  reserveBeside(admission: Admission, x: Exchange): boolean {
    const { leases, resources, countsCost } = admission.set
    if (!countsCost || x.reservedNano <= 0) return true
    const budgets = leases.filter((_lease, index) => resources[index] === 'cost')
    if (!budgets.every(lease => lease.has(x.reservedNano, admission.wall))) return false
    for (const lease of budgets) this.#desk.take(lease, x.reservedNano)
    this.#desk.tellAhead()
    admission.extraCost += x.reservedNano
    return true
  }

  /** The request is over: its slots return, and its tokens are set right by what the provider counted. Idempotent. */
  settle(admission: Admission, x: Exchange): void {
    if (admission === UNLIMITED || admission.settled) return
    admission.settled = true
    const { leases, resources, countsTokens, countsCost } = admission.set
    const input = countsTokens ? this.#inputUsed(admission, x) : 0
    const output = countsTokens ? this.#outputUsed(x) : 0
    for (let index = 0; index < leases.length; index++) {
      const lease = leases[index]
      const resource = resources[index]
      if (lease === undefined || resource === undefined || resource === 'requests') continue
      lease.busy--
      if (resource === 'concurrency') this.#desk.putBack(lease, 1, true)
      else if (resource === 'cost') this.#reconcile(lease, admission, x.spentNano - admission.cost - admission.extraCost)
      else this.#reconcile(lease, admission, tokensOf(resource, input, output) - amountOf(resource, lease, admission) - (countsOutput(resource) ? admission.extra : 0))
    }
    if ((countsTokens || countsCost) && !admission.shares) this.#forecast.learn(x, x.model, admission.estimate)
  }

  /** The request is to be admitted anew: all that it holds goes back, the request itself included. Idempotent. */
  withdraw(admission: Admission): void {
    if (admission === UNLIMITED || admission.settled) return
    admission.settled = true
    const { leases, resources } = admission.set
    for (let index = 0; index < leases.length; index++) {
      const lease = leases[index]
      const resource = resources[index]
      if (lease === undefined || resource === undefined) continue
      if (resource !== 'requests') lease.busy--
      const units = amountOf(resource, lease, admission)
      if (units > 0 && (resource === 'concurrency' || admission.wall >= lease.from && admission.wall < lease.until)) this.#desk.putBack(lease, units, true)
    }
  }

  /** An attempt begins: sets what it may cost, for its record. Returns how many bytes its answer must have come to for `progress`; Infinity = never. */
  beginAttempt(x: Exchange, admission: Admission): number {
    const price = x.target?.price ?? null
    x.costNano = -1
    x.reservedNano = price === null ? -1
      : mostCost(price, admission.set.countsCost ? withMargin(admission.input, x) : guessInput(x), this.#outputAllowed(x))
    return admission.set.countsTokens || admission.set.countsCost ? this.#bytesOf(x, admission.output + 1) : Infinity
  }

  /** An attempt ended: sets what it cost, once and for all its readers. By the provider's count; where that is missing or absurd, by what has gone through. */
  endAttempt(x: Exchange, admission: Admission): void {
    const price = x.target?.price ?? null
    // A client that leaves between two attempts ends the last one again.
    if (price === null || x.costNano >= 0) return
    const { usage } = x
    const { inputTokens, outputTokens } = usage
    // Nobody can say: it stays unknown.
    if (x.opaque && !isCredible(inputTokens) && !isCredible(outputTokens)) return
    x.costNano = callCost(price, {
      ...usage,
      inputTokens: isCredible(inputTokens) ? inputTokens : this.#wasServed(x) ? admission.input || guessInput(x) : 0,
      outputTokens: isCredible(outputTokens) ? outputTokens : this.#credibleOutput(x),
    })
    x.spentNano += x.costNano
  }

  /** Answer header lines (`ratelimit`, `ratelimit-policy`, `x-ratelimit-*`) for a request, admitted or refused; '' where no limit concerns it. */
  headers(x: Exchange): string {
    if (this.#table.empty || x.principal === null) return ''
    return renderRateLimit(this.#table.find(x, x.principal), this.#options.now(), this.#options.wall())
  }

  readonly #openLease = (...args: Parameters<LeaseDesk['open']>): Lease => this.#desk.open(...args)

  #prepare(x: Exchange, set: CounterSet, request: BodyHolder, maxOutput: number): Admission {
    if (!set.countsTokens && !set.countsCost) return new Admission(set, 0, 0, 0, 0, x.wallTime)
    const estimate = TokenForecast.estimate(request.body)
    const output = WRITES_NOTHING.has(x.operation) ? 0 : this.#forecast.output(x.model, maxOutput)
    const input = this.#forecast.input(x.model, estimate)
    return new Admission(set, estimate, input, output, set.countsCost ? this.#dearest(x, input) : 0, x.wallTime)
  }

  /** What the call may cost at the dearest of its targets. */
  #dearest(x: Exchange, input: number): number {
    const output = this.#outputAllowed(x)
    let most = 0
    for (const { price } of x.plan?.targets ?? []) if (price != null) most = Math.max(most, mostCost(price, withMargin(input, x), output))
    return most
  }

  /** All that the client allows to be written, or what is usual with a margin. */
  #outputAllowed(x: Exchange): number {
    if (WRITES_NOTHING.has(x.operation)) return 0
    return x.maxOutput >= 0 ? x.maxOutput : this.#forecast.output(x.model, -1) * x.choices
  }

  /** All or nothing, in memory. */
  #takeAll(admission: Admission): boolean {
    const { leases, resources } = admission.set
    for (let index = 0; index < leases.length; index++) {
      const lease = leases[index] as Lease
      if (!holds(lease, amountOf(resources[index] as LimitResource, lease, admission), admission.wall)) return false
    }
    for (let index = 0; index < leases.length; index++) {
      const lease = leases[index] as Lease
      const resource = resources[index] as LimitResource
      if (resource !== 'requests') lease.busy++
      this.#desk.take(lease, amountOf(resource, lease, admission))
    }
    this.#desk.tellAhead()
    return true
  }

  #admitSlowly(x: Exchange, principal: Principal, admission: Admission, request: BodyHolder, maxOutput: number): Admission | GatewayError | Promise<Admission | GatewayError> {
    if (admission.set.leases.some(lease => lease.closed)) {
      this.#table.forget()
      const set = this.#table.find(x, principal)
      admission = admission.shares ? new Admission(set, 0, 0, 0, 0, x.wallTime, true) : this.#prepare(x, set, request, maxOutput)
    }
    const { leases, resources } = admission.set
    const now = this.#options.now()
    for (const [index, lease] of leases.entries()) {
      const resource = resources[index] as LimitResource
      if ((resource === 'tokens' || resource === 'input-tokens') && admission.input > lease.capacity * ESTIMATE_MARGIN) {
        return gatewayError('invalid-request', `The request has about ${admission.input} input tokens; the limit ${JSON.stringify(admission.set.names[index])} never allows more than ${lease.capacity} at once. Make it shorter.`)
      }
      const amount = amountOf(resource, lease, admission)
      if (resource === 'cost' && amount > lease.capacity) {
        return gatewayError('budget-exceeded', `This call may cost ${dollars(amount)}; the budget ${JSON.stringify(admission.set.names[index])} is ${dollars(lease.capacity)} in all. Ask for fewer tokens ("max_tokens").`)
      }
      if (!holds(lease, amount, admission.wall) && lease.refuses(amount, now)) return this.#refusal(admission, index, 'exhausted')
    }
    return this.#gather(new Admission(admission.set, admission.estimate, admission.input, admission.output, admission.cost, this.#options.wall(), admission.shares))
  }

  /** Waits for what is short, lease by lease, and sets it aside; takes the rest when nothing is short. Puts all back when one is refused. */
  async #gather(admission: Admission): Promise<Admission | GatewayError> {
    const { leases, resources } = admission.set
    const aside = new Set<number>()
    for (const lease of leases) lease.busy++
    for (;;) {
      const wall = this.#options.wall()
      const short = leases.findIndex((lease, index) => !aside.has(index) && !holds(lease, amountOf(resources[index] as LimitResource, lease, admission), wall))
      if (short < 0) break
      const lease = leases[short] as Lease
      const shortage = await this.#desk.wait(lease, amountOf(resources[short] as LimitResource, lease, admission))
      if (shortage !== null) {
        for (const index of aside) this.#desk.putBack(leases[index] as Lease, amountOf(resources[index] as LimitResource, leases[index] as Lease, admission), false)
        for (const held of leases) held.busy--
        return this.#refusal(admission, short, shortage)
      }
      aside.add(short)
    }
    for (const [index, lease] of leases.entries()) {
      const resource = resources[index] as LimitResource
      if (resource === 'requests') lease.busy--
      if (aside.has(index)) this.#desk.commit(lease, amountOf(resource, lease, admission))
      else this.#desk.take(lease, amountOf(resource, lease, admission))
    }
    this.#desk.tellAhead()
    return admission
  }

  #refusal(admission: Admission, index: number, shortage: Shortage): GatewayError {
    const { leases, names, resources } = admission.set
    const lease = leases[index] as Lease
    return describeRefusal(lease, names[index] as string, resources[index] as LimitResource, amountOf(resources[index] as LimitResource, lease, admission), shortage, this.#options.now())
  }

  #bytesOf(x: Exchange, tokens: number): number {
    return this.#forecast.bytesOf(x.model, tokens, x.stream)
  }

  /** Of the current attempt, by what it has written so far. */
  #costSoFar(x: Exchange, admission: Admission, output: number): number {
    const price = x.target?.price ?? null
    return price === null ? 0 : callCost(price, { inputTokens: admission.input, outputTokens: output, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1 })
  }

  #reconcile(lease: Lease, admission: Admission, difference: number): void {
    if (difference > 0) this.#desk.overdraw(lease, difference)
    // What was reserved in a window that is over is not given to the next one.
    else if (difference < 0 && admission.wall >= lease.from && admission.wall < lease.until) this.#desk.putBack(lease, -difference, true)
    // But money goes back to where it came from: a rolling budget still counts that window.
    else if (difference < 0 && lease.spec.kind === 'budget') this.#desk.returnTo(lease, -difference, budgetPart(lease.spec.window, admission.wall).from)
  }

  #inputUsed(admission: Admission, x: Exchange): number {
    if (isCredible(x.usage.inputTokens)) return x.usage.inputTokens
    // Nobody told, or something absurd. A request that got no answer costs nothing, unless it was its client who left after it had been sent.
    return this.#wasServed(x) ? admission.input : 0
  }

  #wasServed(x: Exchange): boolean {
    return x.responseBytes > 0 && x.upstreamStatus < 300 || (x.error === 'client-closed' || x.error === 'superseded') && x.sentAt !== 0
  }

  #outputUsed(x: Exchange): number {
    if (isCredible(x.usage.outputTokens)) return x.usage.outputTokens
    return this.#outputSeen(x)
  }

  /** Not more than the client allows. */
  #credibleOutput(x: Exchange): number {
    return Math.min(x.maxOutput < 0 ? Infinity : x.maxOutput, this.#outputSeen(x))
  }

  /** By the bytes that have gone to the client. */
  #outputSeen(x: Exchange): number {
    return x.upstreamStatus >= 200 && x.upstreamStatus < 300 && !x.opaque ? this.#forecast.outputOf(x.model, x.responseBytes, x.stream) : 0
  }
}

/** Units that a request takes of a lease, at least one. More than a limit's whole is cut to it: the rest is charged when it is known. */
function amountOf(resource: LimitResource, lease: Lease, admission: Admission): number {
  if (resource === 'requests' || resource === 'concurrency') return 1
  // Never cut: a call that may not fit into a budget is refused.
  if (resource === 'cost') return admission.cost
  if (admission.shares) return 0
  return Math.max(1, Math.min(lease.capacity, tokensOf(resource, admission.input, admission.output)))
}

function tokensOf(resource: LimitResource, input: number, output: number): number {
  return resource === 'input-tokens' ? input : resource === 'output-tokens' ? output : input + output
}

function countsOutput(resource: LimitResource | undefined): boolean {
  return resource === 'tokens' || resource === 'output-tokens'
}

/** What costs nothing needs nothing: a free model answers also when the budget is used up. */
function holds(lease: Lease, units: number, wall: number): boolean {
  return units === 0 || lease.has(units, wall)
}

function isPriced(x: Exchange): boolean {
  return x.plan !== null && x.plan.targets.every(target => target.price != null)
}

/** Input tokens to reserve money for. A token is a byte at least. */
function withMargin(input: number, x: Exchange): number {
  return Math.min(Math.ceil(input * ESTIMATE_MARGIN) + INPUT_EXTRA, Math.max(input, x.requestBytes))
}

const guessInput = (x: Exchange): number => Math.ceil(x.requestBytes / BYTES_PER_TOKEN)
const isCredible = (count: number): boolean => count >= 0 && count <= MOST_CHARGED_TOKENS
