import { seededRandom } from './random.ts'
import { HEALTHY, type Behaviour, type Fault } from './behaviour.ts'

const MAX_NAMES = 10_000

/** Decides per call whether a model's fault is still in force (`share=`, `times=`, `for=`). Remembers at most 10,000 model names. */
export class FaultCounter {
  readonly #random = seededRandom(20_261_125)
  readonly #seen = new Map<string, { calls: number, firstAt: number }>()

  /** The fault that this call gets; counts the call. `now` is monotonic milliseconds. */
  next(behaviour: Behaviour, now: number): Fault {
    const { fault, name } = behaviour
    if (fault.share < 100 && this.#random() * 100 >= fault.share) return HEALTHY
    if (fault.times === 0 && fault.forMs === 0) return fault
    let entry = this.#seen.get(name)
    if (entry === undefined) {
      if (this.#seen.size >= MAX_NAMES) this.#seen.clear()
      entry = { calls: 0, firstAt: now }
      this.#seen.set(name, entry)
    }
    entry.calls += 1
    if (fault.times !== 0 && entry.calls > fault.times) return HEALTHY
    if (fault.forMs !== 0 && now - entry.firstAt >= fault.forMs) return HEALTHY
    return fault
  }

  reset(): void {
    this.#seen.clear()
  }
}
