import { randomUUID } from 'node:crypto'
import { isObject, type Answer, type Body } from '../dialect.ts'
import type { Behaviour } from '../engine/behaviour.ts'
import { embed } from '../engine/embed.ts'
import { countTokens } from '../engine/tokens.ts'
import { invalid } from '../refusal.ts'
import { integer, list, object, oneOf, optional, record, text, type Fields } from '../strict/shape.ts'

/** Inputs of a request. */
const MOST = 96
const TYPES = ['float', 'int8', 'uint8', 'binary', 'ubinary', 'base64'] as const
const DATA_URL = /^data:image\/[\w.+-]+;base64,[A-Za-z0-9+/]+={0,2}$/

/** Members of a request to `/v2/embed`. */
export const EMBED = {
  model: text(1), input_type: oneOf('search_document', 'search_query', 'classification', 'clustering', 'image'), texts: optional(list(text(), 1, MOST)), images: optional(list(text(1, Infinity, DATA_URL), 1)),
  inputs: optional(list(object({ content: list(record, 1) }), 1, MOST)), max_tokens: optional(integer(1)), output_dimension: optional(oneOf(256, 512, 1_024, 1_536)), embedding_types: optional(list(oneOf(...TYPES), 1)),
  truncate: optional(oneOf('NONE', 'START', 'END')), priority: optional(integer(0, 999)),
} as const satisfies Fields

/** Answers `/v2/embed`, or refuses as the vendor would. */
export function answerEmbed(behaviour: Behaviour, body: Body): Answer {
  const flaw = object(EMBED)(body, [])
  if (flaw !== null) return { kind: 'refusal', refusal: invalid(`invalid request: ${flaw.path.join('.')}: ${flaw.message}`) }
  const { texts, images, inputs } = body
  const given = [texts, images, inputs].filter((one) => Array.isArray(one))
  if (given.length !== 1) return { kind: 'refusal', refusal: invalid('invalid request: exactly one of texts, images and inputs must be provided.') }
  const words = (given[0] as readonly unknown[]).map(wordsOf)
  const dimensions = Number(body['output_dimension'] ?? behaviour.dimensions)
  const vectors = words.map((one) => embed(one, dimensions))
  const types = (body['embedding_types'] ?? ['float']) as readonly (typeof TYPES)[number][] // the shape says so
  const tokens = words.reduce((sum, one) => sum + countTokens(one), 0)
  return {
    kind: 'json', tokens,
    json: JSON.stringify({
      id: randomUUID(), embeddings: Object.fromEntries(types.map((type) => [type, vectors.map((vector) => written(vector, type))])), texts: Array.isArray(texts) ? texts : [],
      meta: { api_version: { version: '2' }, billed_units: { input_tokens: tokens } }, response_type: 'embeddings_by_type',
    }),
  }
}

function wordsOf(input: unknown): string {
  if (typeof input === 'string') return input
  return isObject(input) && Array.isArray(input['content']) ? (input['content'] as readonly Body[]).map((part) => typeof part['text'] === 'string' ? part['text'] : JSON.stringify(part)).join('\n') : ''
}

function written(vector: Float32Array, type: (typeof TYPES)[number]): readonly number[] | string {
  if (type === 'base64') return Buffer.from(vector.buffer).toString('base64')
  if (type === 'float') return Array.from(vector)
  const bits = type === 'binary' || type === 'ubinary'
  const bytes = bits ? Array.from({ length: Math.ceil(vector.length / 8) }, (_, at) => vector.subarray(at * 8, at * 8 + 8).reduce((byte, value) => byte * 2 + (value > 0 ? 1 : 0), 0)) : Array.from(vector, (value) => Math.round((value + 1) * 127.5))
  return type === 'int8' || type === 'binary' ? bytes.map((byte) => byte - 128) : bytes
}
