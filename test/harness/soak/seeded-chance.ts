/** Chance that can be repeated: the same seed, the same sequence. */
export class SeededChance {
  #state: number

  constructor(seed: number) {
    this.#state = seed % 2_147_483_646 + 1
  }

  /** 0 .. 1. */
  next(): number {
    return (this.#state = this.#state * 48_271 % 2_147_483_647) / 2_147_483_647
  }

  /** A whole number from `least` up to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.next() * from.length)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }

  /** True so many times in a hundred. */
  percent(chance: number): boolean {
    return this.next() * 100 < chance
  }
}
