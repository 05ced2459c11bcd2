import type { Target } from '@headrace/contract'
import type { Standing } from './standing.ts'

/** One target with one credential: the three subjects that must all be in for an attempt to go there. */
export interface Lane {
  readonly target: Target
  readonly endpoint: Standing
  readonly credential: Standing
  readonly pair: Standing
}

/**
 * How good a choice a lane is. `open`: nothing speaks against it, or this worker is to probe it; `slow`: it answers, but far slower than usual;
 * `busy`: requests queue for its provider's limits; `full`: no more at the same time; `out`: it fails, and is tried only where everything does; `shut`: the provider said not before.
 */
export type LaneRank = 'open' | 'slow' | 'busy' | 'full' | 'out' | 'shut'

/** A queue that is this long is worth going elsewhere for, ms. */
const LONG_QUEUE_MS = 250

/** Ranks a lane. Called only while something is wrong somewhere. */
export function rankLane(lane: Lane): LaneRank {
  const { endpoint, credential, pair } = lane
  let rank: LaneRank = 'open'
  for (const standing of [endpoint, credential, pair]) {
    if (standing.out === null || standing.token) continue
    if (standing.hard) return 'shut'
    rank = standing.out === 'slow' && rank === 'open' ? 'slow' : 'out'
  }
  if (rank !== 'open') return rank
  return isFull(lane) ? 'full' : backlogMs(pair) > LONG_QUEUE_MS ? 'busy' : 'open'
}

/** Nothing at all speaks against it: it is not even to be probed, and nobody waits there. */
export const isFree = (lane: Lane): boolean =>
  lane.endpoint.out === null && lane.credential.out === null && lane.pair.out === null && !isFull(lane) && backlogMs(lane.pair) === 0

/** What was found out of it counts for nothing where its capacity is configured. */
const isFull = ({ target, endpoint }: Lane): boolean => endpoint.full && target.capacity == null

/** How long those take who wait for the provider's limits, ms. */
export const backlogMs = ({ line }: Standing): number => line === null ? 0 : line.backlogMs

/** The subject that keeps a lane from being used for longest; null = none does. */
export function obstacle({ endpoint, credential, pair }: Lane): Standing | null {
  let worst: Standing | null = null
  for (const standing of [endpoint, credential, pair]) {
    if (standing.out === null || standing.token) continue
    if (worst === null || (standing.hard && !worst.hard) || standing.hard === worst.hard && standing.until > worst.until) worst = standing
  }
  return worst
}
