import { budgetPart, budgetSince, type CounterSpec, type TimeWindow } from '@headrace/contract'
import type { Meter, Moment } from './meter.ts'

type BudgetSpec = CounterSpec & { readonly kind: 'budget' }
/** Parts that are over and still remembered: for money that comes back late, and clocks that step back. */
const REMEMBERED = 4

/**
 * Nano-dollars in a window: a calendar one, or a rolling one that is counted in parts (`budgetPart`). A part counts as long as any of it can lie in the
 * window, so that no true window of that length ever holds more than the budget.
 */
export class BudgetMeter implements Meter {
  capacity: number
  readonly #window: BudgetSpec['window']
  #part: TimeWindow
  /** By the begin of the part; few, oldest first. */
  readonly #used = new Map<number, number>()

  constructor(spec: BudgetSpec, at: Moment) {
    this.capacity = spec.limit
    this.#window = spec.window
    this.#part = budgetPart(spec.window, at.wall)
  }

  adopt(spec: CounterSpec): void {
    if (spec.kind === 'budget') this.capacity = spec.limit
  }

  available(at: Moment): number {
    this.#follow(at)
    return this.capacity - this.#sum(at)
  }

  take(units: number): void {
    this.#add(this.#part.from, units)
  }

  giveBack(units: number, from: number): void {
    const used = this.#used.get(from)
    if (used !== undefined) this.#used.set(from, Math.max(0, used - units))
  }

  waitFor(units: number, at: Moment): number {
    if (typeof this.#window !== 'number') return Math.max(1, Math.ceil(this.#part.until - at.wall))
    const length = this.#part.until - this.#part.from
    let missing = units - (this.capacity - this.#sum(at))
    for (const [from, used] of [...this.#used].toSorted(([left], [right]) => left - right)) {
      if (from < budgetSince(this.#window, at.wall)) continue
      missing -= used
      // When this part no longer counts: the inverse of `budgetSince`.
      if (missing <= 0) return Math.max(1, Math.ceil(from + length + Math.ceil(this.#window / length) * length - at.wall))
    }
    return this.#window
  }

  window(): TimeWindow {
    return this.#part
  }

  idle(at: Moment): boolean {
    return this.#sum(at) === 0
  }

  /** What was spent before: parts by their begin. */
  restore(used: readonly (readonly [from: number, units: number])[]): void {
    for (const [from, units] of used) this.#add(from, units)
  }

  dump(): (readonly [number, number])[] {
    return [...this.#used]
  }

  load(dump: readonly (readonly [number, number])[]): void {
    this.restore(dump)
  }

  #sum({ wall }: Moment): number {
    const since = budgetSince(this.#window, wall)
    const until = budgetPart(this.#window, wall).until
    let sum = 0
    for (const [from, units] of this.#used) if (from >= since && from < until) sum += units
    return sum
  }

  #follow({ wall }: Moment): void {
    if (wall >= this.#part.from && wall < this.#part.until) return
    this.#part = budgetPart(this.#window, wall)
    const counted = [...this.#used.keys()].filter(from => from < budgetSince(this.#window, wall)).toSorted((left, right) => left - right)
    for (const from of counted.slice(0, -REMEMBERED)) this.#used.delete(from)
  }

  #add(from: number, units: number): void {
    this.#used.set(from, (this.#used.get(from) ?? 0) + units)
  }
}
