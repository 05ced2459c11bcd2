const GROWTH = 1.04
const SCALE = 1 / Math.log(GROWTH)
/** Everything at or below it (seconds) is bucket 0. */
const LEAST = 1e-6
/** Up to about 4.6 hours; longer counts as that. */
const BUCKETS = 600

/** Bucket of a value in seconds. */
export function bucketOf(seconds: number): number {
  if (!(seconds > LEAST)) return 0
  const index = Math.ceil(Math.log(seconds / LEAST) * SCALE)
  return index < BUCKETS ? index : BUCKETS - 1
}

/** Upper bound of a bucket, seconds, inclusive. */
export function bucketBound(index: number): number {
  return LEAST * GROWTH ** index
}

/**
 * Counts durations in buckets that grow by 4 %: at most 2 % error at the bucket's middle, mergeable by adding counts, 2.4 KB.
 * Recording costs a logarithm and an increment.
 */
export class LogHistogram {
  readonly #counts = new Uint32Array(BUCKETS)
  sum = 0
  count = 0

  record(seconds: number): void {
    const index = bucketOf(seconds)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.sum += seconds
    this.count++
  }

  /** The buckets that hold something. */
  filled(): [index: number, count: number][] {
    const filled: [number, number][] = []
    for (let index = 0; index < BUCKETS; index++) {
      const count = this.#counts[index] ?? 0
      if (count !== 0) filled.push([index, count])
    }
    return filled
  }
}
