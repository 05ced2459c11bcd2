import type { Behaviour } from '../engine/behaviour.ts'
import { embed } from '../engine/embed.ts'
import { countTokens } from '../engine/tokens.ts'
import type { Body } from '../dialect.ts'
import { invalid, type Refusal } from '../refusal.ts'

const MAX_INPUTS = 2048
const MAX_DIMENSIONS = 4096

/** The answer to POST /v1/embeddings, or why it is refused. */
export function answerEmbeddings(behaviour: Behaviour, body: Body): { readonly json: string, readonly tokens: number } | Refusal {
  const texts = readInputs(body['input'])
  if (texts === null) return invalid(`'input' must be a text, an array of texts, or arrays of token numbers; at most ${MAX_INPUTS}.`, 'input')
  const dimensions = body['dimensions'] ?? behaviour.dimensions
  if (typeof dimensions !== 'number' || !Number.isInteger(dimensions) || dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    return invalid(`'dimensions' must be a whole number from 1 to ${MAX_DIMENSIONS}.`, 'dimensions')
  }
  const format = body['encoding_format'] ?? 'float'
  if (format !== 'float' && format !== 'base64') return invalid("'encoding_format' must be float or base64.", 'encoding_format')
  const data = texts.map((text, index) => {
    const vector = embed(text, dimensions)
    return { object: 'embedding', index, embedding: format === 'float' ? Array.from(vector) : base64(vector) }
  })
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0)
  return { tokens, json: JSON.stringify({ object: 'list', data, model: behaviour.name, usage: { prompt_tokens: tokens, total_tokens: tokens } }) }
}

/** Little-endian 32-bit floats, as OpenAI encodes them. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, i * 4)
  return bytes.toString('base64')
}

function readInputs(input: unknown): readonly string[] | null {
  if (typeof input === 'string') return input === '' ? null : [input]
  if (!Array.isArray(input) || input.length === 0 || input.length > MAX_INPUTS) return null
  if (input.every((item) => typeof item === 'number')) return [input.join(' ')]
  const texts = input.map((item: unknown) => Array.isArray(item) ? item.join(' ') : item)
  return texts.every((text) => typeof text === 'string') ? texts : null
}
