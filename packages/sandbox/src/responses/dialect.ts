import type { Answer, Asked, EngineDialect } from '../dialect.ts'
import { generate, promptTokens } from '../engine/generate.ts'
import { cachedTokens } from '../openai/cached-tokens.ts'
import { refusalBody } from '../openai/refusal.ts'
import { invalid } from '../refusal.ts'
import { checkRequest } from './check-request.ts'
import { readPrompt } from './read-prompt.ts'
import { Rendering } from './render.ts'

const OPERATIONS: ReadonlyMap<string, 'create' | 'count'> = new Map<string, 'create' | 'count'>([['/v1/responses', 'create'], ['/v1/responses/input_tokens', 'count']])

/** OpenAI's Responses, as strict as the vendor's own. It keeps no answers. */
export const responses: EngineDialect = Object.freeze({
  route(path: string) {
    const operation = OPERATIONS.get(path)
    return operation === undefined ? null : { operation, model: null }
  },
  answer,
  read: () => null,
  refusalBody,
  errorFrame: 'event: error\ndata: {"type":"error","sequence_number":9,"code":"server_error","message":"The sandbox was asked to fail in the middle.","param":null}\n\n',
  brokenFrame: 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"broken\n\n',
} satisfies EngineDialect)

function answer({ operation, behaviour, body, cache }: Asked): Answer {
  if (behaviour.base === 'embed') return { kind: 'refusal', refusal: invalid("Model 'embed' makes embeddings only.", 'model') }
  const refusal = checkRequest(operation === 'count' ? 'count' : 'create', body, behaviour.lenient)
  if (refusal !== null) return { kind: 'refusal', refusal }
  const prompt = readPrompt(body)
  if (operation === 'count') return { kind: 'json', tokens: 0, json: JSON.stringify({ object: 'response.input_tokens', input_tokens: promptTokens(prompt) }) }
  if (behaviour.fault.noPrefill && prompt.turns.at(-1)?.role === 'assistant') {
    return { kind: 'refusal', refusal: invalid('This model does not support a conversation that ends with an assistant message.', 'input') }
  }
  const generation = generate(behaviour, prompt)
  const cached = cachedTokens(prompt, generation.promptTokens, behaviour.name, cache, performance.now())
  const rendering = new Rendering(body, behaviour.name, generation, cached, behaviour.redacted)
  return body['stream'] === true ? { kind: 'stream', frames: rendering.frames() } : { kind: 'json', json: JSON.stringify(rendering.whole()), tokens: rendering.tokens }
}
