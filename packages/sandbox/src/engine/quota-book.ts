import type { Behaviour } from './behaviour.ts'

const MINUTE_MS = 60_000
const MAX_NAMES = 10_000

/** One limit's state: a bucket that refills continuously, or a window of a minute. */
interface Bucket { readonly limit: number, level: number, at: number }

/** What a model's limits have given so far. */
export interface QuotaReport { readonly model: string, readonly requests: number, readonly tokens: number, readonly refused: number }

interface Entry { readonly requests: Bucket | null, readonly tokens: Bucket | null, given: number, givenTokens: number, refused: number }

/** A call's standing with its model's limits: `refused`, and what its answer's head says. */
export interface QuotaVerdict { readonly refused: boolean, readonly retryMs: number, readonly lines: readonly QuotaLine[] }
export interface QuotaLine { readonly resource: 'requests' | 'tokens', readonly limit: number, readonly remaining: number, readonly resetMs: number }

/** Enforces `rpm=` and `tpm=` of a model's name, as providers do: what a request may use is taken when it comes, or it is refused. Monotonic ms. */
export class QuotaBook {
  readonly #entries = new Map<string, Entry>()

  /** Null = the model has no limits. */
  take(behaviour: Behaviour, tokens: number, now: number): QuotaVerdict | null {
    const { name, rpm, tpm, fixedWindow } = behaviour
    if (rpm === 0 && tpm === 0) return null
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      if (this.#entries.size >= MAX_NAMES) this.#entries.clear()
      entry = { requests: bucket(rpm, now), tokens: bucket(tpm, now), given: 0, givenTokens: 0, refused: 0 }
      this.#entries.set(name, entry)
    }
    const wants: readonly (readonly [QuotaLine['resource'], Bucket | null, number])[] = [['requests', entry.requests, 1], ['tokens', entry.tokens, tokens]]
    for (const [, held] of wants) if (held !== null) refill(held, fixedWindow, now)
    const refused = wants.some(([, held, units]) => held !== null && held.level < units)
    let retryMs = 0
    if (refused) entry.refused++
    else {
      entry.given++
      entry.givenTokens += tokens
    }
    const lines: QuotaLine[] = []
    for (const [resource, held, units] of wants) {
      if (held === null) continue
      if (!refused) held.level -= units
      else if (held.level < units) retryMs = Math.max(retryMs, fixedWindow ? held.at + MINUTE_MS - now : (Math.min(units, held.limit) - held.level) / held.limit * MINUTE_MS)
      lines.push({ resource, limit: held.limit, remaining: Math.floor(held.level), resetMs: fixedWindow ? held.at + MINUTE_MS - now : (held.limit - held.level) / held.limit * MINUTE_MS })
    }
    return { refused, retryMs, lines }
  }

  report(): readonly QuotaReport[] {
    return [...this.#entries].map(([model, { given, givenTokens, refused }]) => ({ model, requests: given, tokens: givenTokens, refused }))
  }

  reset(): void {
    this.#entries.clear()
  }
}

/** As OpenAI's SDKs and tools read them. */
export function quotaHeaders(lines: readonly QuotaLine[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const { resource, limit, remaining, resetMs } of lines) {
    headers[`x-ratelimit-limit-${resource}`] = String(limit)
    headers[`x-ratelimit-remaining-${resource}`] = String(remaining)
    headers[`x-ratelimit-reset-${resource}`] = resetMs < 1_000 ? `${Math.ceil(resetMs)}ms` : `${(resetMs / 1_000).toFixed(3)}s`
  }
  return headers
}

const bucket = (limit: number, now: number): Bucket | null => limit === 0 ? null : { limit, level: limit, at: now }

function refill(held: Bucket, fixedWindow: boolean, now: number): void {
  if (!fixedWindow) {
    held.level = Math.min(held.limit, held.level + (now - held.at) / MINUTE_MS * held.limit)
    held.at = now
  } else if (now >= held.at + MINUTE_MS) {
    held.level = held.limit
    held.at += Math.floor((now - held.at) / MINUTE_MS) * MINUTE_MS
  }
}
