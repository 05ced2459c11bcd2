import { describe, expect, it } from 'vitest'
import { windowAt } from '@headrace/contract'
import { CalendarMeter, createMeter, type Moment } from './meter.ts'

const at = (now: number, wall = 0): Moment => ({ now, wall })
const utc = (text: string): number => Date.parse(text)

describe('calendar windows', () => {
  it.each([
    ['day', '2026-11-25T13:00:00Z', '2026-11-25T00:00:00Z', '2026-11-26T00:00:00Z'],
    ['day', '2026-11-25T00:00:00Z', '2026-11-25T00:00:00Z', '2026-11-26T00:00:00Z'],
    ['week', '2026-11-25T13:00:00Z', '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
    ['week', '2026-11-29T23:59:59.999Z', '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
    ['month', '2026-12-31T23:59:59Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['month', '2028-02-29T01:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
    ['week', '1969-12-31T00:00:00Z', '1969-12-29T00:00:00Z', '1970-01-05T00:00:00Z'],
  ] as const)('the %s of %s is %s to %s', (period, moment, from, until) => {
    expect(windowAt(period, utc(moment))).toEqual({ from: utc(from), until: utc(until) })
  })
})

describe('a rate', () => {
  const meter = () => createMeter({ kind: 'rate', limit: 600, windowMs: 60_000, burst: 600 }, at(0))

  it('gives its burst at once and then one unit per interval', () => {
    const rate = meter()
    expect(rate.available(at(0), 0)).toBe(600)
    rate.take(600)
    expect([99, 100, 1_050, 60_000, 1e9].map(now => rate.available(at(now), 0))).toEqual([0, 1, 10, 600, 600])
  })

  it('does not fill up by units that are out unused', () => {
    const rate = meter()
    rate.take(400)
    expect(rate.available(at(3_600_000), 400)).toBe(200)
    rate.giveBack(400, 0)
    expect(rate.available(at(3_600_000), 0)).toBe(600)
  })

  it('says when what is wanted will be there, debts included', () => {
    const rate = meter()
    rate.take(700)
    expect(rate.available(at(0), 0)).toBe(-100)
    expect(rate.waitFor(1, at(0))).toBe(10_100)
    expect(rate.waitFor(600, at(0))).toBe(70_000)
  })

  it('keeps its debt in time when the amount changes', () => {
    const rate = meter()
    rate.take(300)
    rate.adopt({ kind: 'rate', limit: 60, windowMs: 60_000, burst: 60 }, at(0))
    expect(rate.available(at(0), 0)).toBe(30)
    expect(rate.available(at(30_000), 0)).toBe(60)
  })

  it('is exact at rates whose interval is no whole number', () => {
    const rate = createMeter({ kind: 'rate', limit: 7, windowMs: 1_000, burst: 7 }, at(1e9))
    let given = 0
    for (let now = 1e9; now <= 1e9 + 100_000; now += 13) {
      const units = rate.available(at(now), 0)
      rate.take(units)
      given += units
    }
    expect(given).toBe(7 + 700 - 1)
  })
})

describe('a calendar counter under a stepping clock', () => {
  const noon = utc('2026-11-25T12:00:00Z')
  const HOUR = 3_600_000
  const counter = () => new CalendarMeter({ kind: 'calendar', limit: 10, period: 'day' }, at(0, noon))

  it('is full again at the boundary, once', () => {
    const day = counter()
    day.take(10)
    expect(day.available(at(0, noon + 12 * HOUR - 1))).toBe(0)
    expect(day.available(at(0, noon + 12 * HOUR))).toBe(10)
  })

  it('finds each day as it was left: a step over midnight and back opens no day twice', () => {
    const day = counter()
    day.take(10)
    expect(day.available(at(0, noon + 13 * HOUR))).toBe(10)
    day.take(4)
    expect(day.available(at(0, noon))).toBe(0)
    expect(day.available(at(0, noon + 12 * HOUR))).toBe(6)
  })

  it('is not stuck in the future after a step of a month and back', () => {
    const day = counter()
    day.available(at(0, noon + 31 * 24 * HOUR))
    day.take(10)
    expect(day.available(at(0, noon))).toBe(10)
    expect(day.available(at(0, noon + 24 * HOUR))).toBe(10)
  })

  it('gives units back to the day they came from', () => {
    const day = counter()
    day.take(10)
    day.available(at(0, noon + 12 * HOUR))
    day.giveBack(10, windowAt('day', noon).from)
    expect(day.available(at(0, noon + 12 * HOUR))).toBe(10)
    expect(day.available(at(0, noon))).toBe(10)
    day.giveBack(5, windowAt('day', noon).from)
    expect(day.available(at(0, noon))).toBe(10)
  })

  it('remembers a bounded number of days', () => {
    const day = counter()
    for (let step = 0; step < 1_000; step++) {
      day.available(at(0, noon + step * 24 * HOUR))
      day.take(1)
    }
    expect(day.used().length).toBeLessThanOrEqual(4)
    expect(day.available(at(0, noon + 999 * 24 * HOUR))).toBe(9)
  })
})
