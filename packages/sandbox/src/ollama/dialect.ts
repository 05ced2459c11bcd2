import { type Answer, type Asked, type EngineDialect } from '../dialect.ts'
import { embed } from '../engine/embed.ts'
import { countTokens } from '../engine/tokens.ts'
import { invalid } from '../refusal.ts'
import { anything, flag, integer, list, object, optional, record, text, textOr, type Fields } from '../strict/shape.ts'

const PATHS: ReadonlySet<string> = new Set(['/api/embed', '/api/embeddings'])
const TEXTS = list(text())

/** Members of a request to `/api/embed`, and of one to the older `/api/embeddings`. */
export const EMBED = {
  model: text(1), input: textOr(TEXTS), truncate: optional(flag), dimensions: optional(integer(1, 4_096)), keep_alive: optional(anything), options: optional(record),
} as const satisfies Fields
export const EMBEDDINGS = { model: text(1), prompt: text(), keep_alive: optional(anything), options: optional(record) } as const satisfies Fields

/** Embeddings of Ollama's own API, stricter than Ollama: it passes over what it does not know. */
export const ollama: EngineDialect = Object.freeze({
  route: (path: string) => PATHS.has(path) ? { operation: path, model: null } : null,
  answer,
  read: () => null,
  refusalBody: ({ message }) => JSON.stringify({ error: message }),
  errorFrame: '{"error":"The sandbox was asked to fail in the middle."}\n',
  brokenFrame: '{"message":{"content":"broken\n',
} satisfies EngineDialect)

function answer({ operation, behaviour, body }: Asked): Answer {
  const single = operation === '/api/embeddings'
  const flaw = object(single ? EMBEDDINGS : EMBED)(body, [])
  if (flaw !== null) return { kind: 'refusal', refusal: invalid(`${flaw.path.join('.')}: ${flaw.message}`, String(flaw.path[0] ?? '')) }
  const texts = [single ? body['prompt'] : body['input']].flat() as readonly string[] // the shape says so
  const dimensions = Number(body['dimensions'] ?? behaviour.dimensions)
  const vectors = texts.map((words) => Array.from(embed(words, dimensions)))
  const tokens = texts.reduce((sum, words) => sum + countTokens(words), 0)
  return {
    kind: 'json', tokens,
    json: JSON.stringify(single ? { embedding: vectors[0] } : { model: behaviour.name, embeddings: vectors, total_duration: 14_143_917, load_duration: 1_019_500, prompt_eval_count: tokens }),
  }
}
