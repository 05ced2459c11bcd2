import { randomUUID } from 'node:crypto'
import { isObject, type Answer, type Body } from '../dialect.ts'
import type { Behaviour } from '../engine/behaviour.ts'
import { rank } from '../engine/rank.ts'
import { countTokens } from '../engine/tokens.ts'
import { invalid } from '../refusal.ts'
import { flag, integer, list, object, optional, text, textOr, type Fields } from '../strict/shape.ts'

/** Members of a request to `/v1/rerank`, which engines that are compatible with OpenAI's API have taken from Jina's. */
export const RERANK = {
  model: text(1), query: text(1), documents: list(textOr(object({ text: text() })), 1, 2_048), top_n: optional(integer(1)), return_documents: optional(flag),
} as const satisfies Fields

/** Answers `/v1/rerank`, or refuses it. */
export function answerRerank(behaviour: Behaviour, body: Body): Answer {
  const flaw = object(RERANK)(body, [])
  if (flaw !== null) return { kind: 'refusal', refusal: invalid(`${flaw.path.join('.')}: ${flaw.message}`, String(flaw.path[0] ?? '')) }
  const documents = (body['documents'] as readonly unknown[]).map((document) => isObject(document) ? String(document['text']) : String(document))
  const query = String(body['query'])
  const tokens = [query, ...documents].reduce((sum, words) => sum + countTokens(words), 0)
  const results = rank(query, documents, Number(body['top_n'] ?? documents.length))
    .map(({ index, score }) => ({ index, relevance_score: score, ...(body['return_documents'] === false ? {} : { document: { text: documents[index] } }) }))
  return { kind: 'json', tokens: 0, json: JSON.stringify({ id: `rerank-${randomUUID()}`, model: behaviour.name, usage: { prompt_tokens: tokens, total_tokens: tokens }, results }) }
}
