import type { CalendarPeriod } from '@headrace/contract'

const DAY_MS = 86_400_000
/** 1970-01-05 was the first Monday of Unix time. */
const FIRST_MONDAY = 4

/** Half-open interval of Unix milliseconds. */
export interface Window { readonly from: number, readonly until: number }

/** The UTC day, ISO week or month that a moment lies in. */
export function windowAt(period: CalendarPeriod, wall: number): Window {
  if (period === 'month') {
    const date = new Date(wall)
    return { from: Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1), until: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) }
  }
  const days = period === 'week' ? 7 : 1
  const offset = period === 'week' ? FIRST_MONDAY : 0
  const from = (Math.floor((Math.floor(wall / DAY_MS) - offset) / days) * days + offset) * DAY_MS
  return { from, until: from + days * DAY_MS }
}
