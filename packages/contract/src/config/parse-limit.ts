import type { CounterSpec } from '../limits.ts'

/** Milliseconds per unit of a rolling window. */
const ROLLING = Object.freeze({ s: 1_000, sec: 1_000, second: 1_000, m: 60_000, min: 60_000, minute: 60_000, h: 3_600_000, hour: 3_600_000 })
const CALENDAR = Object.freeze({ d: 'day', day: 'day', w: 'week', week: 'week', month: 'month' } as const)
const FACTORS = Object.freeze({ k: 1e3, K: 1e3, M: 1e6, G: 1e9 })
/** Units of a limit at most: sums of them stay exact. */
const LARGEST = 2 ** 40
const LONGEST_MS = 86_400_000

/** What a limit looks like, for messages and editors. */
export const LIMIT_FORM = 'an amount per window such as `600/min`, `10/s`, `100/15min`, `1M/day`, `600/min burst 50`'
export const LIMIT_PATTERN = String.raw`\d+(\.\d+)?[kKMG]?\s*/\s*(\d+\s*)?[a-z]+(\s+burst\s+\d+(\.\d+)?[kKMG]?)?`

/**
 * `600/min`: a rate (GCRA) over seconds, minutes or hours, up to 24 h, with all of it at once unless `burst` says less; `1M/day`, `/week`,
 * `/month`: so much per UTC calendar window. Null = it is neither.
 */
export function parseLimit(text: string): CounterSpec | null {
  const match = /^(\d+(?:\.\d+)?)([kKMG]?)\s*\/\s*(?:(\d+)\s*)?([a-z]+)(?:\s+burst\s+(\d+(?:\.\d+)?)([kKMG]?))?$/.exec(text.trim())
  if (match === null) return null
  const [, digits, factor, times, unit = '', burstDigits, burstFactor] = match
  const limit = amount(digits, factor)
  if (limit === null) return null
  if (Object.hasOwn(CALENDAR, unit)) {
    return times !== undefined || burstDigits !== undefined ? null : { kind: 'calendar', limit, period: CALENDAR[unit as keyof typeof CALENDAR] }
  }
  if (!Object.hasOwn(ROLLING, unit)) return null
  const windowMs = Number(times ?? 1) * ROLLING[unit as keyof typeof ROLLING]
  const burst = burstDigits === undefined ? limit : amount(burstDigits, burstFactor)
  return burst === null || burst > limit || !(windowMs > 0 && windowMs <= LONGEST_MS) ? null : { kind: 'rate', limit, windowMs, burst }
}

function amount(digits: string | undefined, factor: string | undefined): number | null {
  const value = Math.round(Number(digits) * (factor === undefined || factor === '' ? 1 : FACTORS[factor as keyof typeof FACTORS]))
  return value >= 1 && value <= LARGEST ? value : null
}
