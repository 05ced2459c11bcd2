import type { ProviderQuirks, QuotaResource, QuotaSighting, ResponseHead } from '@headrace/contract'

/** Header names of one resource; lower case. */
interface Names { readonly resource: QuotaResource, readonly limit: string, readonly remaining: string, readonly reset: string }

const openAi = (resource: QuotaResource): Names =>
  ({ resource, limit: `x-ratelimit-limit-${resource}`, remaining: `x-ratelimit-remaining-${resource}`, reset: `x-ratelimit-reset-${resource}` })
const anthropic = (resource: QuotaResource): Names =>
  ({ resource, limit: `anthropic-ratelimit-${resource}-limit`, remaining: `anthropic-ratelimit-${resource}-remaining`, reset: `anthropic-ratelimit-${resource}-reset` })

/** OpenAI's, which most providers have taken over. */
const OPENAI: readonly Names[] = [openAi('requests'), openAi('tokens')]
const ANTHROPIC: readonly Names[] = [anthropic('requests'), anthropic('tokens'), anthropic('input-tokens'), anthropic('output-tokens')]

const NONE: readonly QuotaSighting[] = Object.freeze([])
/** Larger figures are no limits. */
const MOST = 1e12
const LONGEST_RESET_MS = 31 * 86_400_000
const UNIT_MS: Readonly<Record<string, number>> = Object.freeze({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 })

/** What an answer's head says of the provider's limits. `wall`: Unix ms, for resets that are points in time. `own`: how the provider itself calls the headers. Figures that make no sense are left out. */
export function readQuota(head: ResponseHead, wall: number, own?: ProviderQuirks['quota']): readonly QuotaSighting[] {
  const names = own !== undefined ? ownNames(own) : head.header('x-ratelimit-remaining-tokens') !== undefined || head.header('x-ratelimit-remaining-requests') !== undefined ? OPENAI
    : head.header('anthropic-ratelimit-requests-remaining') !== undefined ? ANTHROPIC : null
  if (names === null) return NONE
  const sightings: QuotaSighting[] = []
  for (const { resource, limit, remaining, reset } of names) {
    const most = readCount(head.header(limit))
    const left = readCount(head.header(remaining))
    if (most === null || most === 0 || left === null) continue
    sightings.push({ resource, limit: most, remaining: Math.min(most, left), resetMs: readReset(head.header(reset), wall) })
  }
  return sightings
}

const ownNames = (own: NonNullable<ProviderQuirks['quota']>): readonly Names[] =>
  (['requests', 'tokens'] as const).flatMap(resource => own[resource] === undefined ? [] : [{ resource, ...own[resource] }])

function readCount(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,13}(\.\d+)?$/.test(text)) return null
  const count = Number(text)
  return count <= MOST ? count : null
}

/** `6m0s`, `8.64s`, `120ms`, seconds, or a point in time; -1 = not understood. */
function readReset(text: string | undefined, wall: number): number {
  if (text === undefined) return -1
  if (/^\d+(\.\d+)?$/.test(text)) return within(Number(text) * 1_000)
  if (/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) {
    let ms = 0
    for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) ms += Number(count) * (UNIT_MS[unit ?? ''] ?? 0)
    return within(ms)
  }
  const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? -1 : within(Math.max(0, at - wall))
}

const within = (ms: number): number => ms <= LONGEST_RESET_MS ? ms : -1
