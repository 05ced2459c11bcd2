import { gatewayError, type GatewayError, type OutReason, type Plan } from '@headrace/contract'
import { backlogMs, isFree, obstacle, rankLane, type Lane, type LaneRank } from './lane.ts'
import { FIRST_IN_ORDER, type Route } from './route.ts'
import type { Standing } from './standing.ts'
import type { TargetBoard } from './target-board.ts'

/** The better the smaller. */
const ORDER = Object.freeze({ open: 0, slow: 1, busy: 2, out: 3, full: 4, shut: 5 } as const satisfies Record<LaneRank, number>)

/** Nothing can be sent now: `waitMs` until something can, 0 = nobody knows; and what to tell the client if it is not waited for. */
export interface Hold { readonly waitMs: number, readonly error: GatewayError }

const WORDS = Object.freeze({
  failing: 'it fails', 'error-rate': 'it fails too often', hung: 'it does not answer', slow: 'it is far slower than usual', unauthorized: 'its credential was refused',
  forbidden: 'its credential may not use the model', quota: 'its quota is spent', 'rate-limited': 'its rate limit is reached', overloaded: 'it said it is overloaded',
} as const satisfies Record<OutReason, string>)

/**
 * Which target of a plan next. The plan's order is kept among those that are well; one that is slow comes after them, then the one with the shortest queue, and one that is out only where
 * all are (they are never all given up), the one first whose time is nearest. What the provider shut itself is not tried before its time.
 */
export class TargetPicker {
  readonly #board: TargetBoard
  readonly #now: () => number

  constructor(board: TargetBoard, now: () => number) {
    this.#board = board
    this.#now = now
  }

  /** Index into the plan's targets; -1 = none can be used now: see `hold`. Without a route, and while all is calm, it is the first. */
  choose(plan: Plan, route: Route | null): number {
    return route === null && this.#board.calm ? 0 : this.#search(plan, route)
  }

  /** How sound the next choice would be: `sound` = nothing speaks against it. */
  prospect(plan: Plan, route: Route): 'sound' | 'doubtful' | 'none' {
    const index = this.#best(plan, route)
    if (index < 0) return 'none'
    return this.#board.calm || this.#rank(plan, index) === 'open' ? 'sound' : 'doubtful'
  }

  /** Whether a second attempt there is as good as any. */
  isOpen(plan: Plan, index: number): boolean {
    return this.#board.calm || this.#rank(plan, index) === 'open'
  }

  /** Where a second attempt beside the one at `index` may go: the next target that is free, else the next credential, else the same once more; -1 = nowhere. */
  beside(plan: Plan, route: Route, index: number): number {
    const { targets } = plan
    const name = targets[index]?.name
    let other = -1
    for (let next = 0; next < targets.length; next++) {
      const target = targets[next]
      if (target === undefined || next === index || route.isTried(next) || !isFree(this.#board.lane(target))) continue
      if (target.name !== name) return next
      if (other < 0) other = next
    }
    const same = targets[index]
    return other >= 0 || same === undefined || !isFree(this.#board.lane(same)) ? other : index
  }

  /** What to wait for where nothing can be chosen; null = no target is left. */
  hold(plan: Plan, route: Route | null): Hold | null {
    let waitMs = Number.POSITIVE_INFINITY
    let first: Standing | null = null
    let full = false
    plan.targets.forEach((target, index) => {
      if (route !== null && route.isTried(index)) return
      const lane = this.#board.lane(target)
      const standing = obstacle(lane)
      if (standing === null) {
        full ||= rankLane(lane) === 'full'
        return
      }
      const wait = standing.wait(this.#now())
      if (wait < waitMs) {
        waitMs = wait
        first = standing
      }
    })
    if (!full && first === null) return null
    if (full || first === null) return { waitMs: 0, error: gatewayError('upstream-overloaded', 'Every provider of this model has as many requests as it can answer in time. Try again shortly.', { retryAfterMs: 1_000 }) }
    return { waitMs, error: shutError(first, waitMs) }
  }

  #search(plan: Plan, route: Route | null): number {
    const chosen = this.#best(plan, route)
    const { targets } = plan
    for (let index = 0; index < targets.length; index++) {
      const target = targets[index]
      if (target === undefined || index === chosen || route !== null && route.isTried(index)) continue
      const lane = this.#board.lane(target)
      const standing = obstacle(lane)
      if (standing !== null && standing.out !== null) this.#board.wish(standing)
      if (route !== null && (chosen < 0 || index < chosen)) route.tell(index, 'skipped', this.#why(lane, standing))
    }
    if (route !== null && chosen >= 0) route.tell(chosen, 'chosen', this.#whyChosen(plan, chosen))
    return chosen
  }

  /** The first of the best rank; among those that are out, the one whose time is nearest. */
  #best(plan: Plan, route: Route | null): number {
    let best = -1
    let bestRank: LaneRank = 'shut'
    let bestWait = Number.POSITIVE_INFINITY
    const now = this.#now()
    for (let index = 0; index < plan.targets.length; index++) {
      if (route !== null && route.isTried(index)) continue
      const rank = this.#rank(plan, index)
      if (rank === 'open') return index
      if (rank === 'full' || rank === 'shut') continue
      const wait = this.#wait(plan, index, rank, now)
      if (best >= 0 && (ORDER[rank] > ORDER[bestRank] || rank === bestRank && wait >= bestWait)) continue
      best = index
      bestRank = rank
      bestWait = wait
    }
    return best
  }

  #wait(plan: Plan, index: number, rank: LaneRank, now: number): number {
    const target = plan.targets[index]
    if (rank === 'slow' || target === undefined) return 0
    const lane = this.#board.lane(target)
    return rank === 'busy' ? backlogMs(lane.pair) : obstacle(lane)?.wait(now) ?? 0
  }

  #rank(plan: Plan, index: number): LaneRank {
    const target = plan.targets[index]
    return target === undefined ? 'shut' : rankLane(this.#board.lane(target))
  }

  #why(lane: Lane, standing: Standing | null): string {
    if (standing === null || standing.out === null) return rankLane(lane) === 'busy' ? `its rate limit is used up, and the queue for it ${(backlogMs(lane.pair) / 1000).toFixed(1)} s long` : rankLane(lane) === 'full' ? `it has the ${lane.endpoint.concurrency} requests that it answers in time` : 'another one is better'
    const wait = standing.wait(this.#now())
    return `${WORDS[standing.out]}${wait > 0 ? `; ${(wait / 1000).toFixed(1)} s left` : '; to be probed'}`
  }

  #whyChosen(plan: Plan, index: number): string {
    const target = plan.targets[index]
    const lane = target === undefined ? null : this.#board.lane(target)
    if (lane === null || this.#board.calm) return FIRST_IN_ORDER
    if (lane.endpoint.token || lane.credential.token || lane.pair.token) return 'the probe that decides whether it comes back'
    const rank = rankLane(lane)
    return rank === 'open' ? 'the first in order that is well' : rank === 'slow' ? 'slow, but it answers' : rank === 'busy' ? 'all have queues, and it has the shortest' : 'all are out, and it is the nearest to coming back'
  }
}

/** The client is told what the provider would say, without asking it. */
function shutError({ out }: Standing, waitMs: number): GatewayError {
  const facts = { retryAfterMs: Math.ceil(waitMs) }
  if (out === 'quota') return gatewayError('upstream-quota', 'The gateway\'s account at the provider has no quota or credit left.', facts)
  if (out === 'overloaded') return gatewayError('upstream-overloaded', 'The provider is overloaded. Try again later.', facts)
  return gatewayError('upstream-rate-limited', 'The provider limits the rate of requests. Try again later.', facts)
}
