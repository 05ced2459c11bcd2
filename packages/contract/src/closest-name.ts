/**
 * The candidate that was most likely meant, or null when none is near: at most a third of the name's characters differ (3 at most).
 * Insertion, deletion, change and swap of neighbours count one each. Names over 64 characters are not compared: the cost stays bounded.
 */
export function closestName(name: string, candidates: Iterable<string>): string | null {
  if (name.length > 64) return null
  let best: string | null = null
  let bestDistance = Math.min(3, Math.max(1, Math.floor(name.length / 3))) + 1
  for (const candidate of candidates) {
    if (candidate.length > 64 || Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) { best = candidate; bestDistance = distance }
  }
  return best
}

/** Optimal string alignment distance, given up (returning `limit`) once no row can end below `limit`. */
function editDistance(left: string, right: string, limit: number): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= right.length; j++) {
      const change = left[i - 1] === right[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + change)
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      row.push(cost)
      if (cost < least) least = cost
    }
    if (least >= limit) return limit
    beforeLast = last
    last = row
  }
  return last[right.length] ?? limit
}
