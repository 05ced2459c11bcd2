import type { IncomingHttpHeaders } from 'node:http'
import { isObject, type Answer, type Asked, type Body, type EngineDialect } from '../dialect.ts'
import { decodeName } from '../decode-name.ts'
import { parseBehaviour, type Behaviour } from '../engine/behaviour.ts'
import { choiceTokens, generate, promptTokens } from '../engine/generate.ts'
import { invalid } from '../refusal.ts'
import { cachePrompt } from './cached-prompt.ts'
import { checkRequest, NEWEST } from './check-request.ts'
import { readPrompt } from './read-prompt.ts'
import { refusalBody } from './refusal.ts'
import { bodyText, renderFrames, renderMessage, type ThoughtDisplay } from './render.ts'

const OPERATIONS: ReadonlyMap<string, 'messages' | 'count'> = new Map<string, 'messages' | 'count'>([['/v1/messages', 'messages'], ['/v1/messages/count_tokens', 'count']])
const MODELS = '/v1/models'

/** Anthropic's Messages, as strict as the vendor's own: what it would refuse is refused, in its words. */
export const anthropic: EngineDialect = Object.freeze({
  route(path: string) {
    const operation = OPERATIONS.get(path)
    return operation === undefined ? null : { operation, model: null }
  },
  answer,
  read(path: string, headers: IncomingHttpHeaders) {
    if (headers['anthropic-version'] === undefined || !path.startsWith(MODELS)) return null
    if (path === MODELS) {
      const data = ['echo', 'lorem'].map(modelBody)
      return { kind: 'json', tokens: 0, json: JSON.stringify({ data, first_id: 'echo', last_id: 'lorem', has_more: false }) }
    }
    const name = decodeName(path.slice(MODELS.length + 1))
    const parsed = parseBehaviour(name)
    return parsed.ok ? { kind: 'json', tokens: 0, json: JSON.stringify(modelBody(name)) } : { kind: 'refusal', refusal: { ...invalid(parsed.message, 'model', 'model-not-found'), status: 404 } }
  },
  refusalBody,
  errorFrame: 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
  brokenFrame: 'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"broken\n\n',
} satisfies EngineDialect)

function answer({ operation, behaviour, body, headers, cache }: Asked): Answer {
  if (behaviour.base === 'embed') return { kind: 'refusal', refusal: { ...invalid(`model: ${behaviour.name}`, 'model', 'model-not-found'), status: 404 } }
  const refusal = checkRequest(operation === 'count' ? 'count' : 'messages', body, headers, behaviour.fault.noPrefill)
  if (refusal !== null) return { kind: 'refusal', refusal }
  const prompt = readPrompt(body)
  if (operation === 'count') return { kind: 'json', tokens: 0, json: JSON.stringify({ input_tokens: promptTokens(prompt) }) }
  const generation = generate(behaviour, prompt)
  const display = displayOf(behaviour, body)
  const cached = cachePrompt(body, generation.promptTokens, behaviour.name, cache, performance.now())
  const older = headers['anthropic-version'] !== NEWEST
  if (body['stream'] === true) return { kind: 'stream', frames: renderFrames(behaviour.name, generation, cached, display, older) }
  const tokens = generation.choices.reduce((sum, choice) => sum + choiceTokens(choice), 0)
  return { kind: 'json', json: bodyText(renderMessage(behaviour.name, generation, cached, display), older), tokens }
}

function displayOf(behaviour: Behaviour, body: Body): ThoughtDisplay {
  if (behaviour.redacted) return 'redacted'
  const thinking = body['thinking']
  return isObject(thinking) && thinking['display'] === 'omitted' ? 'omitted' : 'summarized'
}

/** Checked against the SDK's type in `anthropic.test.ts`. */
export function modelBody(id: string): {
  type: 'model', id: string, display_name: string, created_at: string, capabilities: null, deprecated_at: null, lifecycle: 'active', line: null,
  max_input_tokens: null, max_tokens: null, retires_at: null
} {
  return {
    type: 'model', id, display_name: id, created_at: '2025-10-09T00:00:00Z', capabilities: null, deprecated_at: null, lifecycle: 'active', line: null,
    max_input_tokens: null, max_tokens: null, retires_at: null,
  }
}
