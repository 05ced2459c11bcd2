import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DialectId } from '@headrace/contract'
import { checkRequest } from '../../packages/sandbox/src/anthropic/check-request.ts'
import { sign } from '../../packages/sandbox/src/engine/signature.ts'
import { checkRequest as checkContent } from '../../packages/sandbox/src/google/check-request.ts'
import { checkChat } from '../../packages/sandbox/src/openai/check-chat.ts'
import { checkRequest as checkResponse } from '../../packages/sandbox/src/responses/check-request.ts'
import { geminiRequest } from './gemini-requests.ts'
import { responsesRequest } from './responses-requests.ts'
import { translateRequest } from './wire-case.ts'

const RUNS = 2_500

type Json = Readonly<Record<string, unknown>>

/** What the engine, which is as strict as the vendors, has against a body; null = nothing. */
const JUDGES = {
  'openai-chat': body => checkChat(body, false)?.message ?? null,
  'anthropic-messages': body => checkRequest('messages', body, { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' }, false)?.message ?? null,
  'openai-responses': body => checkResponse('create', body, false)?.message ?? null,
  'google-gemini': body => checkContent('content', body, { 'x-goog-api-key': 'k' }, new URLSearchParams())?.message ?? null,
} as const satisfies Partial<Record<DialectId, (body: Json) => string | null>>

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq: 2 })
const words = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('Hello.', 'Trailing blank ', 'é𝄞', '{"a":1}', 'Answer in JSON.') }, { weight: 1, arbitrary: fc.constantFrom(' ', '', '\n') })
const PNG = 'iVBORw=='
const toolName = fc.constantFrom('weather', 'a-b_c', 'n'.repeat(64))
const longName = fc.oneof(toolName, fc.constant('n'.repeat(100)))
const callId = fc.integer({ min: 1, max: 3 })
const schema = fc.constantFrom<Json>(
  { type: 'object', properties: {} }, { type: 'object' }, { type: 'object', properties: { a: { type: 'string', minLength: 1 } } },
  { type: 'object', properties: { a: { type: ['integer', 'null'], minimum: 1 } }, required: ['a'], additionalProperties: false }, { type: 'object', additionalProperties: { type: 'string' } },
  { type: 'object', properties: { a: { anyOf: [{ type: 'object', properties: {}, required: [], additionalProperties: false }, { type: 'null' }] } }, required: ['a'], additionalProperties: false },
)

/** A turn of calls, and what follows it. */
const calling = fc.record({ text: words, ids: fc.uniqueArray(callId, { minLength: 1, maxLength: 3 }), name: toolName, input: fc.constantFrom('{"city":"Köln"}', '{}', '', 'no json', '[1]'), result: words, after: words, image: fc.boolean() })
const turn = fc.oneof(fc.record({ user: words, image: fc.boolean() }), fc.record({ assistant: words }), calling, fc.record({ system: words }), fc.record({ odd: fc.constantFrom('developer', 'refusal', 'document', 'parts') }))
type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never

const chatRequest = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 5 }), names: fc.uniqueArray(toolName, { minLength: 1, maxLength: 3 }), schema, strict: maybe(fc.boolean()),
  body: fc.record({
    temperature: maybe(fc.constantFrom(0, 0.7, 1, 2)), top_p: maybe(fc.constantFrom(0.5, 1)), max_tokens: maybe(fc.constantFrom(1, 500, 3_000)), stop: maybe(fc.constantFrom('END', ['\n'], ['a', 'b', ' ', 'd'])),
    seed: maybe(fc.constant(7)), user: maybe(fc.constant('u')), reasoning_effort: maybe(fc.constantFrom('none', 'low', 'high')), stream: maybe(fc.boolean()), metadata: maybe(fc.constant({ a: 'b' })),
    tool_choice: maybe(fc.constantFrom('none', 'auto', 'required')), parallel_tool_calls: maybe(fc.boolean()), logit_bias: maybe(fc.constant({ 5: 1 })),
  }),
  format: maybe(fc.oneof(fc.constant({ type: 'json_object' }), fc.constant({ type: 'text' }), fc.record({ schema, strict: maybe(fc.boolean()) }).map(json => ({ type: 'json_schema', json_schema: { name: 'x', ...json } })))),
}).map(({ turns, names, schema: parameters, strict, body, format }) => ({
  model: 'm', ...body, response_format: format, messages: turns.flatMap(chatMessages),
  tools: names.map(name => ({ type: 'function', function: { name, parameters, strict } })),
}))

const ODD_CHAT: Readonly<Record<string, Json>> = {
  developer: { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }, { type: 'text', text: '' }], name: 'boss' }, refusal: { role: 'assistant', content: null, refusal: 'No.' },
  document: { role: 'user', name: 'ann', content: [{ type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } }] },
  parts: { role: 'assistant', content: [{ type: 'text', text: 'a' }, { type: 'refusal', refusal: 'b' }], reasoning_content: 'Hm.', annotations: [] },
}
const THOUGHT = 'The user wants something.'
const ODD_NATIVE: Readonly<Record<string, Json>> = {
  developer: { role: 'system', content: 'Be kind.' }, refusal: { role: 'assistant', content: [{ type: 'thinking', thinking: THOUGHT, signature: sign(THOUGHT) }, { type: 'text', text: 'a' }] },
  document: { role: 'user', content: [{ type: 'document', title: 'a', source: { type: 'text', media_type: 'text/plain', data: 'A letter.' }, citations: { enabled: true } }, { type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'x' }] }] },
  parts: { role: 'user', content: [{ type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'x' }] }] },
}

function chatMessages(each: Turn): readonly Json[] {
  if ('user' in each) return [{ role: 'user', content: each.image ? [{ type: 'text', text: each.user }, { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }] : each.user }]
  if ('assistant' in each) return [{ role: 'assistant', content: each.assistant }]
  if ('system' in each) return [{ role: 'system', content: each.system }]
  if ('odd' in each) return [ODD_CHAT[each.odd] ?? {}]
  return [
    { role: 'assistant', content: each.text === '' ? null : each.text, tool_calls: each.ids.map(id => ({ id: `call.${id}`, type: 'function', function: { name: each.name, arguments: each.input } })) },
    ...each.ids.map(id => ({ role: 'tool', tool_call_id: `call.${id}`, content: each.result })), { role: 'user', content: each.after },
  ]
}

const messagesRequest = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 5 }), names: fc.uniqueArray(longName, { minLength: 1, maxLength: 3 }), schema, strict: maybe(fc.boolean()), choice: maybe(fc.constantFrom('auto', 'any', 'none')), single: maybe(fc.boolean()),
  body: fc.record({
    max_tokens: fc.constantFrom(1, 500, 3_000), temperature: maybe(fc.constantFrom(0, 0.7, 1)), stop_sequences: maybe(fc.constantFrom(['END'], ['a', 'b', 'c', 'd', 'e'])), top_k: maybe(fc.constant(5)),
    metadata: maybe(fc.constantFrom({ user_id: 'u' }, { user_id: 'u'.repeat(100) })), stream: maybe(fc.boolean()), system: maybe(fc.constantFrom('Be brief.', ' ', [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }])),
    output_config: maybe(fc.record({ effort: maybe(fc.constantFrom('low', 'max')), format: maybe(schema.map(json => ({ type: 'json_schema', schema: json }))) })), service_tier: maybe(fc.constant('auto')),
    thinking: maybe(fc.constantFrom({ type: 'enabled', budget_tokens: 2_000 }, { type: 'adaptive' }, { type: 'disabled' })),
  }),
}).map(({ turns, names, schema: input_schema, strict, choice, single, body }) => ({
  model: 'm', ...body, messages: turns.flatMap(nativeMessages), tools: names.map(name => ({ name, input_schema, strict })),
  tool_choice: choice === undefined ? undefined : { type: choice, disable_parallel_tool_use: choice === 'none' ? undefined : single },
}))

function nativeMessages(each: Turn): readonly Json[] {
  const text = (value: string): readonly Json[] => value === '' ? [] : [{ type: 'text', text: value }]
  if ('user' in each) return [{ role: 'user', content: each.image ? [...text(each.user), { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] : each.user }]
  if ('assistant' in each) return [{ role: 'assistant', content: each.assistant }]
  if ('system' in each) return []
  if ('odd' in each) return [ODD_NATIVE[each.odd] ?? {}]
  const seen = each.image ? [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] : each.result
  return [
    { role: 'assistant', content: [...text(each.text), ...each.ids.map(id => ({ type: 'tool_use', id: `toolu_${id}`, name: each.name, input: { city: each.input } }))] },
    { role: 'user', content: [...each.ids.map(id => ({ type: 'tool_result', tool_use_id: `toolu_${id}`, content: seen, is_error: each.image })), ...text(each.after)] },
  ]
}

const REQUESTS = { 'openai-chat': chatRequest, 'anthropic-messages': messagesRequest, 'google-gemini': geminiRequest, 'openai-responses': responsesRequest } as const satisfies Partial<Record<DialectId, fc.Arbitrary<Json>>>

const pairs = (Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]).flatMap(client => (Object.keys(JUDGES) as (keyof typeof JUDGES)[]).filter(provider => provider !== client).map(provider => [client, provider] as const))

describe('a request that its own vendor would take', () => {
  it.each(pairs)('in %s is one that the vendor of %s takes as well, once it is translated', (client, provider) => {
    let translated = 0
    fc.assert(fc.property(REQUESTS[client], (request) => {
      const text = JSON.stringify(request)
      if (JUDGES[client](JSON.parse(text) as Json) !== null) return
      const got = translateRequest({ client, provider, request: client === 'google-gemini' ? `/v1beta/models/m:generateContent\n${text}` : text, expectedRequest: '', status: 200, contentType: '', reads: [], expectedAnswer: '', given: ['', ''] })
      if (got.translated === null) return
      translated++
      expect([JUDGES[provider](JSON.parse(got.text) as Json), got.text]).toEqual([null, got.text])
    }), { numRuns: RUNS })
    expect(translated).toBeGreaterThan(RUNS / 40)
  })
})
