import { randomUUID } from 'node:crypto'
import type { Answer, Body } from '../dialect.ts'
import { rank } from '../engine/rank.ts'
import { invalid } from '../refusal.ts'
import { integer, list, object, optional, text, type Fields } from '../strict/shape.ts'

/** Members of a request to `/v2/rerank`. */
export const RERANK = {
  model: text(1), query: text(1), documents: list(text(), 1, 10_000), top_n: optional(integer(1)), max_tokens_per_doc: optional(integer(1)), priority: optional(integer(0, 999)),
} as const satisfies Fields

/** Answers `/v2/rerank`, or refuses as the vendor would. */
export function answerRerank(body: Body): Answer {
  const flaw = object(RERANK)(body, [])
  if (flaw !== null) return { kind: 'refusal', refusal: invalid(`invalid request: ${flaw.path.join('.')}: ${flaw.message}`) }
  const documents = body['documents'] as readonly string[] // the shape says so
  const results = rank(String(body['query']), documents, Number(body['top_n'] ?? documents.length)).map(({ index, score }) => ({ index, relevance_score: score }))
  return { kind: 'json', tokens: 0, json: JSON.stringify({ id: randomUUID(), results, meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } } }) }
}
