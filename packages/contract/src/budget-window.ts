import type { CalendarPeriod } from './limits.ts'

/** A UTC day, ISO week (from Monday) or month; or the last so many milliseconds (whole days). */
export type BudgetWindow = CalendarPeriod | number

/** Half-open interval of Unix milliseconds. */
export interface TimeWindow { readonly from: number, readonly until: number }

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** 1970-01-05 was the first Monday of Unix time. */
const FIRST_MONDAY = 4
/** Parts that a rolling window is counted in, about: what was spent in one of them leaves the window at once. */
const PARTS = 30

/** The UTC day, ISO week or month that a moment lies in. */
export function windowAt(period: CalendarPeriod, wall: number): TimeWindow {
  if (period === 'month') {
    const date = new Date(wall)
    return { from: Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1), until: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) }
  }
  const days = period === 'week' ? 7 : 1
  const offset = period === 'week' ? FIRST_MONDAY : 0
  const from = (Math.floor((Math.floor(wall / DAY_MS) - offset) / days) * days + offset) * DAY_MS
  return { from, until: from + days * DAY_MS }
}

/** The part of a budget's window in which money spent at `wall` is counted: the whole of a calendar window; of a rolling one about a thirtieth, whole hours. */
export function budgetPart(window: BudgetWindow, wall: number): TimeWindow {
  if (typeof window !== 'number') return windowAt(window, wall)
  const length = partMs(window)
  const from = Math.floor(wall / length) * length
  return { from, until: from + length }
}

/** The first part that counts at `wall`. A part of a rolling window counts until all of it is older than the window: never less than what was spent in it. */
export function budgetSince(window: BudgetWindow, wall: number): number {
  if (typeof window !== 'number') return windowAt(window, wall).from
  const length = partMs(window)
  return budgetPart(window, wall).from - Math.ceil(window / length) * length
}

function partMs(window: number): number {
  return Math.max(1, Math.ceil(window / PARTS / HOUR_MS)) * HOUR_MS
}
