import { isObject, type Body } from '../dialect.ts'
import { extendPrefix, type PrefixCache } from '../engine/prefix-cache.ts'
import { countTokens } from '../engine/tokens.ts'
import { markable } from './messages-body.ts'

/** Tokens: shorter prompts are not cached. */
const LEAST_TOKENS = 1_024
/** Blocks before a marker that are looked at for an earlier one. */
const LOOK_BACK = 20
const FIVE_MINUTES = 300_000
const HOUR = 3_600_000

/** Of the prompt's tokens: those that were found in the cache, and those that were put there. */
export interface CachedPrompt { readonly read: number, readonly written: number, readonly ttl: '5m' | '1h' }

const NOTHING: CachedPrompt = Object.freeze({ read: 0, written: 0, ttl: '5m' })

/** What the cache markers of a request come to. `total`: tokens of its prompt. `now`: monotonic milliseconds. */
export function cachePrompt(body: Body, total: number, model: string, cache: PrefixCache, now: number): CachedPrompt {
  const places = placesOf(body, total, model)
  const last = places.findLastIndex((place) => place.ttl !== null && place.tokens >= LEAST_TOKENS)
  if (last === -1) return NOTHING
  let read = 0
  for (let at = last; at >= 0 && at > last - LOOK_BACK && read === 0; at--) {
    const place = places[at]
    if (place !== undefined && cache.hit(place.key, now, FIVE_MINUTES)) read = place.tokens
  }
  for (const place of places) if (place.ttl !== null && place.tokens >= LEAST_TOKENS) cache.put(place.key, now, place.ttl === '1h' ? HOUR : FIVE_MINUTES)
  const marker = places[last]
  return { read, written: (marker?.tokens ?? 0) - read, ttl: marker?.ttl ?? '5m' }
}

interface Place { readonly key: string, readonly tokens: number, readonly ttl: '5m' | '1h' | null }

/** The end of every block, with the digest of all that stands before it. A marker on the request itself is one on its last block. */
function placesOf(body: Body, total: number, model: string): readonly Place[] {
  const places: Place[] = []
  let key = model
  let tokens = 0
  for (const block of markable(body)) {
    if (block === body) continue
    const { cache_control: marker, ...rest } = block
    key = extendPrefix(key, JSON.stringify(rest))
    const text = rest['text'] ?? rest['content']
    tokens += typeof text === 'string' ? countTokens(text) : 0
    places.push({ key, tokens: Math.min(tokens, total), ttl: ttlOf(marker) })
  }
  const own = ttlOf(body['cache_control'])
  const end = places.at(-1)
  if (own !== null && end !== undefined) places[places.length - 1] = { ...end, ttl: own }
  return places
}

const ttlOf = (marker: unknown): Place['ttl'] => !isObject(marker) ? null : marker['ttl'] === '1h' ? '1h' : '5m'
