import { dollars, gatewayError, type CounterSpec, type GatewayError, type LimitResource } from '@headrace/contract'
import type { Lease, Shortage } from './lease.ts'

const WORDS = Object.freeze({
  'requests': 'requests', 'input-tokens': 'input tokens', 'output-tokens': 'output tokens', 'tokens': 'tokens', 'concurrency': 'requests at the same time', 'cost': 'dollars',
} as const satisfies Record<LimitResource, string>)

/** Retry-After where a slot must come free and nobody knows when, ms. */
const SLOT_RETRY_MS = 1_000

/** What a refused client is told: which limit, how much it is, when to come back. */
export function describeRefusal(lease: Lease, name: string, resource: LimitResource, units: number, shortage: Shortage, now: number): GatewayError {
  if (shortage === 'unreachable') return gatewayError('overloaded', 'The limits could not be checked in time. Try again.', { retryAfterMs: SLOT_RETRY_MS })
  const { spec } = lease
  if (spec.kind === 'budget') {
    // Not when it will be there: others may spend it first, and what a team spends is not each caller's business.
    const retryAfterMs = lease.freeAt === 0 ? SLOT_RETRY_MS : Math.max(1, Math.ceil(lease.freeAt - now))
    return gatewayError('budget-exceeded', `The budget ${JSON.stringify(name)} of ${dollars(spec.limit)}${window(spec)} has not enough left for this call, which may cost ${dollars(units)}.`, { retryAfterMs })
  }
  const extra = spec.kind === 'rate' && Number.isFinite(lease.deniedNeed) ? (units - lease.deniedNeed) / lease.perMs : 0
  const retryAfterMs = spec.kind === 'slots' || lease.freeAt === 0 ? SLOT_RETRY_MS : Math.max(1, Math.ceil(lease.freeAt + extra - now))
  const wait = retryAfterMs < 120_000 ? `${Math.ceil(retryAfterMs / 1000)} s` : retryAfterMs < 7_200_000 ? `${Math.ceil(retryAfterMs / 60_000)} min` : `${Math.ceil(retryAfterMs / 3_600_000)} h`
  return gatewayError('rate-limited', `The limit ${JSON.stringify(name)} of ${spec.limit} ${WORDS[resource]}${window(spec)} is reached. Try again in ${wait}.`, { retryAfterMs })
}

function window(spec: CounterSpec): string {
  if (spec.kind === 'slots') return ''
  if (spec.kind === 'budget') return typeof spec.window === 'number' ? ` in ${spec.window / 86_400_000} days` : ` per ${spec.window}`
  if (spec.kind === 'calendar') return ` per ${spec.period}`
  const named: Readonly<Record<number, string>> = { 1_000: 'second', 60_000: 'minute', 3_600_000: 'hour' }
  return ` per ${named[spec.windowMs] ?? `${spec.windowMs / 1000} s`}`
}
