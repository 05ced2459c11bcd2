import { randomUUID } from 'node:crypto'
import { choiceTokens, generate, type Generation, type Prompt } from '../engine/generate.ts'
import type { Behaviour } from '../engine/behaviour.ts'
import type { Frame } from '../deliver.ts'
import { answerEmbeddings } from './embeddings.ts'
import { readChatPrompt, readCompletionPrompt, type Body } from './read-prompt.ts'
import { invalid, type Refusal } from './refusal.ts'
import { renderFrames, renderJson, type Envelope, type Shape } from './render.ts'

/** A ready answer in this dialect: one JSON text, or frames to stream. */
export type Answer =
  | { readonly kind: 'json', readonly json: string, readonly tokens: number }
  | { readonly kind: 'stream', readonly frames: Iterable<Frame> }
  | { readonly kind: 'refusal', readonly refusal: Refusal }

export type Route = 'chat' | 'completion' | 'embeddings'
export const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/v1/chat/completions', 'chat'],
  ['/v1/completions', 'completion'],
  ['/v1/embeddings', 'embeddings'],
])

/** Answers a request body. Pure but for ids and the clock; nothing is timed here. */
export function answer(route: Route, behaviour: Behaviour, body: Body, noPrefill: boolean): Answer {
  if (route === 'embeddings') {
    const embedded = answerEmbeddings(behaviour, body)
    return 'json' in embedded ? { kind: 'json', ...embedded } : { kind: 'refusal', refusal: embedded }
  }
  if (behaviour.base === 'embed') return { kind: 'refusal', refusal: invalid("Model 'embed' makes embeddings only.", 'model') }
  const prompt = route === 'chat' ? readChatPrompt(body) : readCompletionPrompt(body)
  if ('status' in prompt) return { kind: 'refusal', refusal: prompt }
  if (noPrefill && prompt.turns.at(-1)?.role === 'assistant') {
    return { kind: 'refusal', refusal: invalid('This model does not support a conversation that ends with an assistant message.', 'messages') }
  }
  return render(route, behaviour, body, prompt)
}

function render(route: Shape, behaviour: Behaviour, body: Body, prompt: Prompt): Answer {
  const generation: Generation = generate(behaviour, prompt)
  const envelope: Envelope = {
    id: `${route === 'chat' ? 'chatcmpl' : 'cmpl'}-sandbox-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: behaviour.name,
  }
  if (body['stream'] === true) {
    const options = body['stream_options']
    const withUsage = typeof options === 'object' && options !== null && 'include_usage' in options && options.include_usage === true
    return { kind: 'stream', frames: renderFrames(route, envelope, generation, withUsage) }
  }
  const tokens = generation.choices.reduce((sum, choice) => sum + choiceTokens(choice), 0)
  return { kind: 'json', json: renderJson(route, envelope, generation), tokens }
}

/** The dialect's error in the middle of a stream. */
export const ERROR_FRAME = `data: ${JSON.stringify({ error: { message: 'The sandbox was asked to fail in the middle.', type: 'server_error', param: null, code: 'server_error' } })}\n\n`

/** An event that is not JSON. */
export const BROKEN_FRAME = 'data: {"choices":[{"delta":{"content":"broken\n\n'

/** The answer to GET /v1/models. */
export function modelList(): { readonly object: 'list', readonly data: readonly object[] } {
  return { object: 'list', data: ['echo', 'lorem', 'embed'].map((id) => ({ id, object: 'model', created: 1_760_000_000, owned_by: 'headrace-sandbox' })) }
}
