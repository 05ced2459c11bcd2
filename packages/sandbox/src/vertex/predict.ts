import type { Answer, Body } from '../dialect.ts'
import type { Behaviour } from '../engine/behaviour.ts'
import { embed } from '../engine/embed.ts'
import { countTokens } from '../engine/tokens.ts'
import { wordsOf } from '../google/check-request.ts'
import { EMBED } from '../google/embed.ts'
import { count } from '../google/request-shape.ts'
import { invalid } from '../refusal.ts'
import { flag, list, object, optional, text, type Fields } from '../strict/shape.ts'

/** Texts of one request. */
const MOST = 250
const INSTANCE = { content: text(1), task_type: EMBED.taskType, title: EMBED.title } as const satisfies Fields
const PARAMETERS = { outputDimensionality: optional(count(1, 4_096)), autoTruncate: optional(flag) } as const satisfies Fields
const PREDICT = { instances: list(object(INSTANCE), 1, MOST), parameters: optional(object(PARAMETERS)) } as const satisfies Fields

/** Answers `:predict` of a text embedding model, or refuses as the vendor would. */
export function answerPredict(behaviour: Behaviour, body: Body): Answer {
  const flaw = object(PREDICT)(body, [])
  if (flaw !== null) return { kind: 'refusal', refusal: invalid(wordsOf(flaw)) }
  const instances = body['instances'] as readonly Body[] // the shape says so
  if (instances.some(({ title, task_type: task }) => title !== undefined && task !== 'RETRIEVAL_DOCUMENT')) return { kind: 'refusal', refusal: invalid('The title is only applicable to the task type RETRIEVAL_DOCUMENT.') }
  const parameters = (body['parameters'] ?? {}) as Body
  const dimensions = Number(parameters['outputDimensionality'] ?? behaviour.dimensions)
  const texts = instances.map(({ content }) => String(content))
  const predictions = texts.map((words) => ({ embeddings: { statistics: { truncated: false, token_count: countTokens(words) }, values: Array.from(embed(words, dimensions)) } }))
  const tokens = texts.reduce((sum, words) => sum + countTokens(words), 0)
  return { kind: 'json', tokens, json: JSON.stringify({ predictions, metadata: { billableCharacterCount: texts.join('').length } }) }
}
