import type { LimitResource } from '@headrace/contract'
import type { Lease } from './lease.ts'
import type { CounterSet } from './limit-table.ts'

/** Seconds: what arithmetic may be off by. */
const ROUNDING = 1e-6

/**
 * Answer header lines: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers (the latter for the limit that is nearest to its
 * end), and `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` as OpenAI's SDKs and tools read them. What remains is as this worker knows it:
 * its own units and what was left elsewhere when it last heard.
 */
export function renderRateLimit(set: CounterSet, now: number, wall: number): string {
  let tightest = -1
  let requests = -1
  let tokens = -1
  let least = Infinity
  let leastRequests = Infinity
  let leastTokens = Infinity
  const { leases, resources, openings } = set
  for (let index = 0; index < leases.length; index++) {
    if (openings[index] === '') continue
    const lease = leases[index] as Lease
    const share = remaining(lease, now) / lease.spec.limit
    if (share < least) { least = share; tightest = index }
    if (resources[index] === 'requests') {
      if (share < leastRequests) { leastRequests = share; requests = index }
    } else if (share < leastTokens) { leastTokens = share; tokens = index }
  }
  if (tightest < 0) return ''
  const lease = leases[tightest] as Lease
  const lines = `${set.policies}${openings[tightest]}${remaining(lease, now)};t=${Math.ceil(resetMs(lease, now, wall) / 1000 - ROUNDING)}\r\n`
  if (tokens < 0) return lines + openAiLines('requests', leases[requests] as Lease, now, wall)
  return (requests < 0 ? lines : lines + openAiLines('requests', leases[requests] as Lease, now, wall)) + openAiLines('tokens', leases[tokens] as Lease, now, wall)
}

/** How a counter's `RateLimit` line begins; '' = it has none: slots are free in a moment, and what a team may spend is not each of its callers' business. */
export function openingOf(lease: Lease, resource: LimitResource, name: string): string {
  return lease.spec.kind === 'slots' || lease.spec.kind === 'budget' ? '' : `ratelimit: "${name}-${resource}";r=`
}

function openAiLines(kind: LimitResource, lease: Lease, now: number, wall: number): string {
  return `x-ratelimit-limit-${kind}: ${lease.spec.limit}\r\nx-ratelimit-remaining-${kind}: ${remaining(lease, now)}\r\nx-ratelimit-reset-${kind}: ${shortDuration(resetMs(lease, now, wall))}\r\n`
}

function remaining(lease: Lease, now: number): number {
  return Math.min(lease.capacity, Math.max(0, Math.floor(lease.balance + lease.left + (now - lease.leftAt) * lease.perMs)))
}

/** Until everything is there again. */
function resetMs(lease: Lease, now: number, wall: number): number {
  if (lease.perMs > 0) return (lease.capacity - remaining(lease, now)) / lease.perMs
  return Number.isFinite(lease.until) ? Math.max(0, lease.until - wall) : 0
}

/** `120ms`, `1.5s`, `6m0s`, `2h5m`: the form of OpenAI's headers. */
export function shortDuration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`
  const seconds = ms / 1_000
  if (seconds < 60) return `${Math.ceil(seconds * 10) / 10}s`
  const whole = Math.ceil(seconds)
  return whole < 3_600 ? `${Math.floor(whole / 60)}m${whole % 60}s` : `${Math.floor(whole / 3_600)}h${Math.floor(whole % 3_600 / 60)}m`
}
