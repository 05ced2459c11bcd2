import { embed } from './embed.ts'

const DIMENSIONS = 64

/** Documents by what they share with the question, the best first; scores are 0 .. 1. */
export function rank(query: string, documents: readonly string[], most: number): readonly { readonly index: number, readonly score: number }[] {
  const asked = embed(query, DIMENSIONS)
  return documents
    .map((document, index) => ({ index, score: Math.min(1, Math.max(0, embed(document, DIMENSIONS).reduce((sum, value, at) => sum + value * (asked[at] ?? 0), 0))) }))
    .toSorted((one, other) => other.score - one.score || one.index - other.index)
    .slice(0, most)
}
