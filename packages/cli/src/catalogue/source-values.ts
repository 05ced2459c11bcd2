/** Readers of foreign data: what is not as expected is as if it were not there. */

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {}
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** One line of at most 320 characters; '' = none. */
export function asLine(value: unknown): string {
  return typeof value === 'string' && value.length <= 320 && !/[\p{Cc}\p{Cs}]/u.test(value) ? value.trim() : ''
}

/** A whole number of tokens; -1 = none. */
export function asTokens(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value <= 1e9 ? value : -1
}

/** Nano-dollars per million tokens of a number of dollars; -1 = none that can be. Rounded to whole ones: a billionth of a dollar per million tokens is beneath any bill. */
export function asRate(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value <= 10_000 ? Math.round(value * 1e9) : -1
}
