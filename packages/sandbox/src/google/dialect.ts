import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isObject, type Answer, type Asked, type Body, type EngineDialect } from '../dialect.ts'
import { decodeName } from '../decode-name.ts'
import { parseBehaviour } from '../engine/behaviour.ts'
import { choiceTokens, generate, promptTokens } from '../engine/generate.ts'
import { cachedTokens } from '../openai/cached-tokens.ts'
import { invalid, type Refusal } from '../refusal.ts'
import { checkCaller, checkRequest } from './check-request.ts'
import { answerEmbed } from './embed.ts'
import { jsonNames } from './json-names.ts'
import { readPrompt } from './read-prompt.ts'
import { refusalBody } from './refusal.ts'
import { renderAnswer, renderFrames } from './render.ts'

const CALL = /^\/v1(?:beta)?\/models\/(.+):(generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents)$/
const MODELS = /^\/v1(beta)?\/models(?:\/(.+))?$/

/** Google's Gemini API, as strict as the vendor's own: what it would refuse is refused, in its words. */
export const google: EngineDialect = Object.freeze({
  route(path: string) {
    const found = CALL.exec(path)
    return found === null ? null : { operation: found[2] ?? '', model: decodeName(found[1] ?? '') }
  },
  answer,
  read(path: string, headers: IncomingHttpHeaders) {
    const found = MODELS.exec(path)
    // The other vendors' lists have the same path in its first version.
    if (found === null || (found[1] === undefined && headers['x-goog-api-key'] === undefined)) return null
    if (found[2] === undefined) return { kind: 'json', tokens: 0, json: JSON.stringify({ models: ['echo', 'lorem'].map(modelBody) }) }
    const name = decodeName(found[2])
    const parsed = parseBehaviour(name)
    return parsed.ok ? { kind: 'json', tokens: 0, json: JSON.stringify(modelBody(name)) } : { kind: 'refusal', refusal: unknown(name) }
  },
  refusalBody,
  errorFrame: 'data: {"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}\r\n\r\n',
  brokenFrame: 'data: {"candidates": [{"content": {"parts": [{"text": "broken\r\n\r\n',
} satisfies EngineDialect)

const unknown = (name: string): Refusal => ({ ...invalid(`models/${name} is not found for API version v1beta, or is not supported for generateContent.`, 'model', 'model-not-found'), status: 404 })

function answer({ operation, behaviour, body: given, headers, query, cache }: Asked): Answer {
  const body = jsonNames(given) as Body // an object stays one
  if (operation === 'embedContent' || operation === 'batchEmbedContents') return unregistered(headers, query) ?? answerEmbed(operation, behaviour, body)
  if (behaviour.base === 'embed') return { kind: 'refusal', refusal: unknown(behaviour.name) }
  const refusal = checkRequest(operation === 'countTokens' ? 'count' : 'content', body, headers, query)
  if (refusal !== null) return { kind: 'refusal', refusal }
  const prompt = readPrompt(isObject(body['generateContentRequest']) ? body['generateContentRequest'] : body)
  const total = promptTokens(prompt)
  if (operation === 'countTokens') return { kind: 'json', tokens: 0, json: JSON.stringify({ totalTokens: total, promptTokensDetails: [{ modality: 'TEXT', tokenCount: total }] }) }
  const generation = generate(behaviour, prompt)
  const envelope = { model: behaviour.name, id: randomUUID().replaceAll('-', '').slice(0, 22), cached: cachedTokens(prompt, total, behaviour.name, cache, performance.now()), shown: showsThoughts(body) }
  if (operation === 'generateContent') return { kind: 'json', json: JSON.stringify(renderAnswer(envelope, generation)), tokens: generation.choices.reduce((sum, choice) => sum + choiceTokens(choice), 0) }
  const events = query.get('alt') === 'sse'
  return { kind: 'stream', frames: renderFrames(envelope, generation, events), contentType: events ? 'text/event-stream' : 'application/json; charset=UTF-8' }
}

function unregistered(headers: IncomingHttpHeaders, query: URLSearchParams): Answer | null {
  const refusal = checkCaller(headers, query)
  return refusal === null ? null : { kind: 'refusal', refusal }
}

function showsThoughts(body: Body): boolean {
  const config = body['generationConfig']
  return isObject(config) && isObject(config['thinkingConfig']) && config['thinkingConfig']['includeThoughts'] === true
}

/** Checked against the SDK's type in `google.test.ts`. */
export function modelBody(id: string): { name: string, version: string, displayName: string, inputTokenLimit: number, outputTokenLimit: number, supportedGenerationMethods: string[] } {
  return { name: `models/${id}`, version: '001', displayName: id, inputTokenLimit: 1_048_576, outputTokenLimit: 65_536, supportedGenerationMethods: ['generateContent', 'countTokens'] }
}
