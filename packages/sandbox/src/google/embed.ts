import { isObject, type Answer, type Body } from '../dialect.ts'
import type { Behaviour } from '../engine/behaviour.ts'
import { embed } from '../engine/embed.ts'
import { countTokens } from '../engine/tokens.ts'
import { invalid } from '../refusal.ts'
import { list, object, oneOf, optional, text, type Fields } from '../strict/shape.ts'
import { wordsOf } from './check-request.ts'
import { CONTENT, count } from './request-shape.ts'

/** Texts of a batch. */
const MOST = 100
const TASK_TYPES = [
  'TASK_TYPE_UNSPECIFIED', 'RETRIEVAL_QUERY', 'RETRIEVAL_DOCUMENT', 'SEMANTIC_SIMILARITY', 'CLASSIFICATION', 'CLUSTERING', 'QUESTION_ANSWERING', 'FACT_VERIFICATION', 'CODE_RETRIEVAL_QUERY',
] as const

/** Members of a request for one embedding. */
export const EMBED = {
  model: optional(text(1)), content: object(CONTENT), taskType: optional(oneOf(...TASK_TYPES)), title: optional(text()), outputDimensionality: optional(count(1, 4_096)),
} as const satisfies Fields
const BATCH = { requests: list(object({ ...EMBED, model: text(1) }), 1, MOST) } as const satisfies Fields

/** Answers `embedContent` and `batchEmbedContents`, or refuses as the vendor would. `body` has JSON names. */
export function answerEmbed(operation: 'embedContent' | 'batchEmbedContents', behaviour: Behaviour, body: Body): Answer {
  const single = operation === 'embedContent'
  const flaw = object(single ? EMBED : BATCH)(body, [])
  if (flaw !== null) return { kind: 'refusal', refusal: invalid(wordsOf(flaw)) }
  const requests = single ? [body] : body['requests'] as readonly Body[] // the shape says so
  const stranger = requests.find(({ model }) => model !== undefined && model !== `models/${behaviour.name}`)
  if (stranger !== undefined) return { kind: 'refusal', refusal: invalid('Model name in the request does not match the model in the path.') }
  if (requests.some(({ title, taskType }) => title !== undefined && taskType !== 'RETRIEVAL_DOCUMENT')) return { kind: 'refusal', refusal: invalid('The title is only applicable to the task type RETRIEVAL_DOCUMENT.') }
  const texts = requests.map(textOf)
  const tokens = texts.reduce((sum, words) => sum + countTokens(words), 0)
  const vectors = texts.map((words, at) => ({ values: Array.from(embed(words, Number(requests[at]?.['outputDimensionality'] ?? behaviour.dimensions))) }))
  const usageMetadata = { promptTokenCount: tokens, promptTokensDetails: [{ modality: 'TEXT', tokenCount: tokens }] }
  return { kind: 'json', tokens, json: JSON.stringify(single ? { embedding: vectors[0], usageMetadata } : { embeddings: vectors, usageMetadata }) }
}

function textOf({ content }: Body): string {
  const parts = isObject(content) && Array.isArray(content['parts']) ? content['parts'] as readonly Body[] : []
  return parts.map((part) => typeof part['text'] === 'string' ? part['text'] : JSON.stringify(part)).join('\n')
}
