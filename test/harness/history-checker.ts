/**
 * One call on a register that takes compare-and-set, as its client saw it. Every written value is written once. Times are of one clock, ms.
 * - `wrote`: `value` was there from some moment between `begin` and `end` on; `expected` was there just before (null = whatever was).
 * - `refused`: something else than `expected` was there: `saw`.
 * - `read`: `saw` was there.
 * - `lost`: nobody told whether it wrote `value`; if it did, then at some moment after `begin`. `end` is Infinity.
 */
export interface Operation {
  readonly did: 'wrote' | 'refused' | 'read' | 'lost'
  readonly begin: number
  readonly end: number
  readonly expected?: string | null
  readonly value?: string
  readonly saw?: string
}

/** Operations of one search at most: the places of those that are done are bits of one number. */
export const MOST_OPERATIONS = 400
/** States that one search looks at before it gives up. */
const MOST_STATES = 2_000_000

export type Verdict = 'linearizable' | 'not linearizable' | 'too hard'

/**
 * Whether the calls can have happened one after the other, each at a moment between its begin and its end, so that each saw what it was told
 * (linearizability: Herlihy and Wing, 1990; the search of Wing and Gong, 1993, with the states that it has seen remembered, Lowe 2017).
 * `initial`: the value before all of them.
 */
export function checkHistory(history: readonly Operation[], initial: string): Verdict {
  if (history.length > MOST_OPERATIONS) throw new RangeError(`A history of ${history.length} operations is cut into smaller ones first.`)
  const calls = history.toSorted((left, right) => left.begin - right.begin)
  const needed = calls.reduce((bits, call, place) => call.did === 'lost' ? bits : bits | 1n << BigInt(place), 0n)
  const seen = new Set<string>()
  const open: { readonly done: bigint, readonly state: string }[] = [{ done: 0n, state: initial }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { done, state } = next
    if ((done & needed) === needed) return 'linearizable'
    if (seen.size > MOST_STATES) return 'too hard'
    for (const { place, state: after } of possible(calls, done, state)) {
      const then = done | 1n << BigInt(place)
      const name = `${then.toString(36)} ${after}`
      if (seen.has(name)) continue
      seen.add(name)
      open.push({ done: then, state: after })
    }
  }
  return 'not linearizable'
}

/** The calls that can be the next one: those that began before any other of those left had ended. */
function possible(calls: readonly Operation[], done: bigint, state: string): { readonly place: number, readonly state: string }[] {
  const found: { readonly place: number, readonly state: string }[] = []
  let firstEnd = Infinity
  for (const [place, call] of calls.entries()) {
    if (call.begin > firstEnd) break
    if ((done >> BigInt(place) & 1n) === 1n) continue
    firstEnd = Math.min(firstEnd, call.end)
    const after = apply(call, state)
    if (after !== null) found.push({ place, state: after })
  }
  // The last one is tried first: reads before writes, and what is lost when nothing else goes on.
  return found.toSorted((left, right) => weight(calls[right.place]) - weight(calls[left.place]))
}

const weight = (call: Operation | undefined): number => call === undefined || call.did === 'lost' ? 2 : call.did === 'wrote' ? 1 : 0

/** The value that is there after it; null = it cannot have seen this one. */
function apply({ did, expected = null, value = '', saw = '' }: Operation, state: string): string | null {
  switch (did) {
    case 'read': return saw === state ? state : null
    case 'refused': return saw === state && expected !== state ? state : null
    case 'wrote':
    case 'lost': return expected === null || expected === state ? value : null
  }
}
