import { windowAt, type CounterSpec, type TimeWindow } from '@headrace/contract'
import { BudgetMeter } from './budget-meter.ts'

/** Monotonic and wall-clock milliseconds of one moment. */
export interface Moment { readonly now: number, readonly wall: number }

/** The arithmetic of one counter. Units are whole; what is taken may be more than what was there (a debt). */
export interface Meter {
  /** Whole units that may be given out. `outside`: units given out and not yet used. */
  available(at: Moment, outside: number): number
  take(units: number): void
  /** `from` = the window they were taken in; units of a window that is long gone are dropped. */
  giveBack(units: number, from: number): void
  /** Milliseconds until `units` are there if nobody gives any back; 0 = only by giving back. */
  waitFor(units: number, at: Moment): number
  /** The window that units taken now belong to. */
  window(): TimeWindow
  /** As it would be had nothing been used: may be forgotten. Asked when nothing is outside. */
  idle(at: Moment): boolean
  /** The most that can be out at once. */
  readonly capacity: number
  /** Takes another amount over, keeping what was used. */
  adopt(spec: CounterSpec, at: Moment): void
  /** What was used, for a meter of the same spec in another process: units by the begin of their window, or what there is without windows. */
  dump(at: Moment): (readonly [from: number, units: number])[]
  /** Takes a dump over. Before anything else was used. */
  load(dump: readonly (readonly [from: number, units: number])[], at: Moment): void
}

const ALWAYS: TimeWindow = Object.freeze({ from: 0, until: Infinity })
/** Of a unit: what rounding may cost at a full bucket. It is owed, not given. */
const ROUNDING = 1e-6

export function createMeter(spec: CounterSpec, at: Moment): Meter {
  if (spec.kind === 'rate') return new RateMeter(spec, at)
  if (spec.kind === 'budget') return new BudgetMeter(spec, at)
  return spec.kind === 'calendar' ? new CalendarMeter(spec, at) : new SlotMeter(spec)
}

/**
 * GCRA. `#tat` is the theoretical arrival time: the bucket lacks (tat - now) / T units, T = window / limit. Units that are out on lease count
 * as lacking until they are used: without that, the bucket would fill up while its units are still unused elsewhere, and a burst could be
 * larger than `burst`.
 */
class RateMeter implements Meter {
  capacity = 0
  #unitMs = 0
  #tat: number

  constructor(spec: CounterSpec & { kind: 'rate' }, at: Moment) {
    this.#tat = at.now
    this.adopt(spec)
  }

  adopt(spec: CounterSpec): void {
    if (spec.kind !== 'rate') return
    // The debt is kept in time, not in units: after a change of rate it is paid off at the same moment.
    this.#unitMs = spec.windowMs / spec.limit
    this.capacity = spec.burst
  }

  available(at: Moment, outside: number): number {
    const earliest = at.now + outside * this.#unitMs
    if (this.#tat < earliest) this.#tat = earliest
    return Math.floor((at.now - this.#tat) / this.#unitMs + this.capacity + ROUNDING)
  }

  take(units: number): void {
    this.#tat += units * this.#unitMs
  }

  giveBack(units: number): void {
    this.#tat -= units * this.#unitMs
  }

  waitFor(units: number, at: Moment): number {
    return Math.max(1, Math.ceil(this.#tat + (units - this.capacity) * this.#unitMs - at.now))
  }

  window(): TimeWindow {
    return ALWAYS
  }

  idle(at: Moment): boolean {
    return this.#tat <= at.now
  }

  /** The debt in ms: another process counts time from elsewhere. */
  dump(at: Moment): (readonly [number, number])[] {
    return [[0, this.#tat - at.now]]
  }

  load(dump: readonly (readonly [number, number])[], at: Moment): void {
    this.#tat = at.now + (dump[0]?.[1] ?? 0)
  }
}

/** Windows whose use is remembered. */
const REMEMBERED_WINDOWS = 4

/**
 * So many units per calendar window. Use is kept by window, for the last few of them: a clock that steps over a boundary and back finds each
 * window as it left it, so that no step opens a window twice (a burst) or leaves a counter stuck in the future (a freeze).
 */
export class CalendarMeter implements Meter {
  capacity: number
  readonly #period: (CounterSpec & { kind: 'calendar' })['period']
  #window: TimeWindow
  /** Pairs of a window's begin and the units used in it; a Map would cost more than all the rest. */
  #used: number[] = []

  constructor(spec: CounterSpec & { kind: 'calendar' }, at: Moment) {
    this.#period = spec.period
    this.capacity = spec.limit
    this.#window = windowAt(spec.period, at.wall)
  }

  adopt(spec: CounterSpec): void {
    if (spec.kind === 'calendar') this.capacity = spec.limit
  }

  available(at: Moment): number {
    this.#follow(at)
    const index = this.#find(this.#window.from)
    return this.capacity - (index < 0 ? 0 : this.#used[index + 1] ?? 0)
  }

  take(units: number): void {
    this.#add(this.#window.from, units)
  }

  giveBack(units: number, from: number): void {
    const index = this.#find(from)
    if (index >= 0) this.#add(from, -Math.min(units, this.#used[index + 1] ?? 0))
  }

  waitFor(_units: number, at: Moment): number {
    return Math.max(1, Math.ceil(this.#window.until - at.wall))
  }

  window(): TimeWindow {
    return this.#window
  }

  idle(at: Moment): boolean {
    this.#follow(at)
    return this.used().every(([from, units]) => units === 0 || from < this.#window.from)
  }

  used(): (readonly [number, number])[] {
    const pairs: (readonly [number, number])[] = []
    for (let index = 0; index < this.#used.length; index += 2) pairs.push([this.#used[index] ?? 0, this.#used[index + 1] ?? 0])
    return pairs
  }

  restore(used: readonly (readonly [number, number])[]): void {
    for (const [from, units] of used.slice(-REMEMBERED_WINDOWS)) this.#add(from, units)
  }

  dump(): (readonly [number, number])[] {
    return this.used()
  }

  load(dump: readonly (readonly [number, number])[]): void {
    this.restore(dump)
  }

  #follow({ wall }: Moment): void {
    if (wall < this.#window.from || wall >= this.#window.until) this.#window = windowAt(this.#period, wall)
  }

  #find(from: number): number {
    for (let index = 0; index < this.#used.length; index += 2) if (this.#used[index] === from) return index
    return -1
  }

  #add(from: number, units: number): void {
    const index = this.#find(from)
    if (index >= 0) this.#used[index + 1] = (this.#used[index + 1] ?? 0) + units
    // A literal is as long as it needs to be; `push` on an empty array makes room for sixteen more.
    else if (this.#used.length === 0) this.#used = [from, units]
    else if (this.#used.length < 2 * REMEMBERED_WINDOWS) this.#used.push(from, units)
    else {
      const oldest = this.#find(Math.min(...this.used().map(([begin]) => begin)))
      this.#used.splice(oldest, 2, from, units)
    }
  }
}

/** So many at the same time. */
class SlotMeter implements Meter {
  capacity: number
  #out = 0

  constructor(spec: CounterSpec & { kind: 'slots' }) {
    this.capacity = spec.limit
  }

  adopt(spec: CounterSpec): void {
    if (spec.kind === 'slots') this.capacity = spec.limit
  }

  available(): number {
    return this.capacity - this.#out
  }

  take(units: number): void {
    this.#out += units
  }

  giveBack(units: number): void {
    this.#out -= units
  }

  waitFor(): number {
    return 0
  }

  window(): TimeWindow {
    return ALWAYS
  }

  idle(): boolean {
    return this.#out === 0
  }

  dump(): (readonly [number, number])[] {
    return [[0, this.#out]]
  }

  load(dump: readonly (readonly [number, number])[]): void {
    this.#out = dump[0]?.[1] ?? 0
  }
}
