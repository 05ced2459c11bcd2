import { randomUUID } from 'node:crypto'
import type { Answer, Asked, Body, EngineDialect } from '../dialect.ts'
import { decodeName } from '../decode-name.ts'
import type { PrefixCache } from '../engine/prefix-cache.ts'
import { parseBehaviour, type Behaviour } from '../engine/behaviour.ts'
import { choiceTokens, generate, type Generation, type Prompt } from '../engine/generate.ts'
import { invalid } from '../refusal.ts'
import { answerEmbeddings } from './embeddings.ts'
import { answerModeration } from './moderations.ts'
import { answerRerank } from './rerank.ts'
import { checkChat } from './check-chat.ts'
import { readChatPrompt, readCompletionPrompt } from './read-prompt.ts'
import { cachedTokens } from './cached-tokens.ts'
import { refusalBody } from './refusal.ts'
import { renderFrames, renderJson, usageOf, type Envelope, type Shape } from './render.ts'

type Operation = Shape | 'embeddings' | 'rerank' | 'moderation'
const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['/v1/chat/completions', 'chat'],
  ['/v1/completions', 'completion'],
  ['/v1/embeddings', 'embeddings'],
  ['/v1/rerank', 'rerank'],
  ['/v1/moderations', 'moderation'],
])
const MODELS = '/v1/models'

/** OpenAI's Chat Completions, legacy completions, embeddings and moderations; and reranking, which it has not, as compatible engines have it. */
export const openai: EngineDialect = Object.freeze({
  route(path: string) {
    const operation = OPERATIONS.get(path)
    return operation === undefined ? null : { operation, model: null }
  },
  answer,
  read(path: string) {
    if (path === MODELS) return { kind: 'json', tokens: 0, json: JSON.stringify({ object: 'list', data: ['echo', 'lorem', 'embed'].map(modelEntry) }) }
    if (!path.startsWith(`${MODELS}/`)) return null
    const name = decodeName(path.slice(MODELS.length + 1))
    const parsed = parseBehaviour(name)
    return parsed.ok ? { kind: 'json', tokens: 0, json: JSON.stringify(modelEntry(name)) }
      : { kind: 'refusal', refusal: { ...invalid(parsed.message, 'model', 'model-not-found'), status: 404 } }
  },
  refusalBody,
  errorFrame: `data: ${JSON.stringify({ error: { message: 'The sandbox was asked to fail in the middle.', type: 'server_error', param: null, code: 'server_error' } })}\n\n`,
  brokenFrame: 'data: {"choices":[{"delta":{"content":"broken\n\n',
} satisfies EngineDialect)

function answer({ operation, behaviour, body, cache }: Asked): Answer {
  if (operation === 'embeddings') {
    const embedded = answerEmbeddings(behaviour, body)
    return 'json' in embedded ? { kind: 'json', ...embedded } : { kind: 'refusal', refusal: embedded }
  }
  if (operation === 'rerank') return answerRerank(behaviour, body)
  if (operation === 'moderation') return answerModeration(behaviour, body)
  if (behaviour.base === 'embed') return { kind: 'refusal', refusal: invalid("Model 'embed' makes embeddings only.", 'model') }
  const shape = operation === 'chat' ? 'chat' : 'completion'
  const refusal = shape === 'chat' ? checkChat(body, behaviour.lenient) : null
  if (refusal !== null) return { kind: 'refusal', refusal }
  const prompt = shape === 'chat' ? readChatPrompt(body) : readCompletionPrompt(body)
  if ('status' in prompt) return { kind: 'refusal', refusal: prompt }
  if (behaviour.fault.noPrefill && prompt.turns.at(-1)?.role === 'assistant') {
    return { kind: 'refusal', refusal: invalid('This model does not support a conversation that ends with an assistant message.', 'messages') }
  }
  return render(shape, behaviour, body, prompt, cache)
}

function render(shape: Shape, behaviour: Behaviour, body: Body, prompt: Prompt, cache: PrefixCache): Answer {
  const generation: Generation = generate(behaviour, prompt)
  const cached = cachedTokens(prompt, generation.promptTokens, behaviour.name, cache, performance.now())
  const envelope: Envelope = {
    id: `${shape === 'chat' ? 'chatcmpl' : 'cmpl'}-sandbox-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: behaviour.name,
  }
  if (body['stream'] === true) {
    const options = body['stream_options']
    const withUsage = typeof options === 'object' && options !== null && 'include_usage' in options && options.include_usage === true
    return { kind: 'stream', frames: renderFrames(shape, envelope, generation, usageOf(generation, cached), withUsage) }
  }
  const tokens = generation.choices.reduce((sum, choice) => sum + choiceTokens(choice), 0)
  return { kind: 'json', json: renderJson(shape, envelope, generation, usageOf(generation, cached)), tokens }
}

const modelEntry = (id: string): object => ({ id, object: 'model', created: 1_760_000_000, owned_by: 'headrace-sandbox' })
