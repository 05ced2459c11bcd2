import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Call, DialectId, Item, Target } from '@headrace/contract'
import { damageAnswers, damageRequests, readCases } from './damage.ts'
import { geminiRequest } from './gemini-requests.ts'
import { responsesRequest } from './responses-requests.ts'
import { DIALECTS, translateAnswer } from './wire-case.ts'

const cases = readCases()
/** Mutations of each kind in one run. */
const RUNS = 5_000

const target = { model: 'm', usageOption: false } as Target
const text = fc.oneof(fc.string({ minLength: 1, maxLength: 8 }), fc.constantFrom('é𝄞', '"\\', '\u2028', '{"a":1}'))
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/)
const input = fc.constantFrom('{"b":1.0,"a":[]}', '{"2":1e400,"1":12345678901234567890}', '{ }')
const cache = fc.constantFrom(undefined, { type: 'ephemeral' }, { type: 'ephemeral', ttl: '1h' })
/** Puts raw JSON where its placeholder stands; placeholders are longer than any generated text. */
const raw = (value: unknown, inputs: readonly string[]): string => JSON.stringify(value).replace(/"#raw-input-(\d+)"/g, (_match, index: string) => inputs[Number(index)] ?? '{}')

/** Conversations in Chat Completions that the neutral form can hold whole. */
const chat = fc.record({
  model: fc.constant('m'), stream: fc.constantFrom(undefined, true), temperature: fc.constantFrom(undefined, 0, 0.7, 2), n: fc.constantFrom(undefined, 1), stop: fc.constantFrom(undefined, ['a', '\n']),
  tool_choice: fc.constantFrom(undefined, 'none', 'required', { type: 'function', function: { name: 'f' } }), parallel_tool_calls: fc.constantFrom(undefined, false, true),
  tools: fc.constant([{ type: 'function', function: { name: 'f', parameters: { type: 'object' }, strict: true } }]), max_tokens: fc.constantFrom(undefined, 5), seed: fc.constantFrom(undefined, 1),
  response_format: fc.constantFrom(undefined, { type: 'json_object' }, { type: 'json_schema', json_schema: { name: 's', schema: { type: 'object' } } }), logit_bias: fc.constantFrom(undefined, { 5: 1 }),
  turns: fc.array(fc.record({ said: text, name: fc.option(id, { nil: undefined }), answer: fc.option(text, { nil: null }), calls: fc.uniqueArray(id, { maxLength: 3 }), image: fc.boolean(), input }), { minLength: 1, maxLength: 4 }),
}).map(({ turns, ...rest }) => JSON.stringify({ ...rest, messages: [{ role: 'system', content: 'Be brief.' }, ...turns.flatMap((turn, at) => [
  { role: 'user', name: turn.name, content: turn.image ? [{ type: 'text', text: turn.said }, { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } }] : turn.said },
  { role: 'assistant', content: turn.calls.length === 0 ? turn.answer ?? 'x' : turn.answer, ...(turn.calls.length === 0 ? {} : { tool_calls: turn.calls.map(call => ({ id: call + at, type: 'function', function: { name: 'f', arguments: turn.input } })) }) },
  ...turn.calls.map(call => ({ role: 'tool', tool_call_id: call + at, content: turn.said })),
])] }))

/** The same for Messages. */
const messages = fc.record({
  model: fc.constant('m'), max_tokens: fc.constant(9), stream: fc.constantFrom(undefined, true), top_k: fc.constantFrom(undefined, 5), temperature: fc.constantFrom(undefined, 0.5),
  thinking: fc.constantFrom(undefined, { type: 'enabled', budget_tokens: 2_000 }, { type: 'disabled' }), container: fc.constantFrom(undefined, { id: 'c', skills: [1.0] }),
  output_config: fc.constantFrom(undefined, { format: { type: 'json_schema', schema: { type: 'object' } } }),
  tools: fc.constant([{ name: 'f', input_schema: { type: 'object' }, cache_control: { type: 'ephemeral' } }, { type: 'web_search_20250305', name: 'web_search' }]),
  tool_choice: fc.constantFrom(undefined, { type: 'any', disable_parallel_tool_use: true }, { type: 'tool', name: 'f' }),
  system: fc.constantFrom(undefined, 'Be brief.', [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }, { type: 'text', text: 'b' }]),
  inputs: fc.array(input, { minLength: 3, maxLength: 3 }),
  turns: fc.array(fc.record({ said: text, answer: text, calls: fc.uniqueArray(id, { maxLength: 3 }), cache, error: fc.constantFrom(undefined, true), thought: fc.boolean() }), { minLength: 1, maxLength: 4 }),
}).map(({ turns, inputs, ...rest }) => raw({ ...rest, messages: turns.flatMap((turn, at) => [
  { role: 'user', content: [
    { type: 'text', text: turn.said, cache_control: turn.cache }, { type: 'document', title: 't', source: { type: 'text', media_type: 'text/plain', data: 'd' }, citations: { enabled: true } },
    { type: 'search_result', source: 's', title: 't', content: [] },
  ] },
  { role: 'assistant', content: [
    ...(turn.thought ? [{ type: 'thinking', thinking: 'Hm.', signature: 'c2ln' }, { type: 'redacted_thinking', data: 'ZW5j' }] : []), { type: 'text', text: turn.answer },
    ...turn.calls.map((call, index) => ({ type: 'tool_use', id: call + at, name: 'f', input: `#raw-input-${index}` })),
  ] },
  ...(turn.calls.length === 0 ? [] : [{ role: 'user', content: turn.calls.map(call => ({ type: 'tool_result', tool_use_id: call + at, is_error: turn.error, content: [{ type: 'text', text: turn.said }] })) }]),
]) }, inputs))

/** The same for Gemini. */
const gemini = geminiRequest.map(body => JSON.stringify(body))
const callsOnly = geminiRequest.map(({ contents, tools }) => JSON.stringify({ contents, tools }))

/** The same for Responses. */
const responses = responsesRequest.map(body => JSON.stringify(body))

/** Without custom tools, which other dialects know as functions, and with arguments that every dialect can say. */
const responsesCalls = responsesRequest.map(body => JSON.stringify({ ...body, tool_choice: undefined }).replaceAll('"custom_tool_call', '"function_call').replaceAll('"type":"custom"', '"type":"function"').replace(/("type":"function_call","call_id":"[^"]*","name":"[^"]*",)"input"/g, '$1"arguments"').replaceAll('no json', '{}').replace(/"output":\[(\{[^}]*\}),\{[^}]*\}\]/g, '"output":[$1]'))

/** The same for Ollama: calls of older clients have no ids. */
const ollama = fc.record({
  model: fc.constant('m'), format: fc.constantFrom(undefined, 'json', { type: 'object' }), think: fc.constantFrom(undefined, true, false, 'high'), keep_alive: fc.constantFrom(undefined, '5m'),
  tools: fc.constant([{ type: 'function', function: { name: 'f', description: 'F.', parameters: { type: 'object' } } }]),
  options: fc.constantFrom(undefined, { temperature: 0.7, top_k: 5, num_predict: 9, stop: ['a', '\n'], num_ctx: 4_096 }, { seed: 1, num_predict: -1 }),
  turns: fc.array(fc.record({ said: text, answer: text, thinking: fc.option(text, { nil: undefined }), calls: fc.uniqueArray(id, { maxLength: 3 }), image: fc.boolean(), input }), { minLength: 1, maxLength: 4 }),
}).map(({ turns, ...rest }) => raw({ ...rest, messages: [{ role: 'system', content: 'Be brief.' }, ...turns.flatMap((turn, at) => [
  { role: 'user', content: turn.said, images: turn.image ? ['iVBORw0KGgo='] : undefined },
  { role: 'assistant', content: turn.answer, thinking: turn.thinking, tool_calls: turn.calls.length === 0 ? undefined : turn.calls.map(call => ({ id: call + at, function: { name: 'f', arguments: `#raw-input-${at}` } })) },
  ...turn.calls.map(call => ({ role: 'tool', tool_name: 'f', tool_call_id: call + at, content: turn.said })),
])] }, turns.map(turn => turn.input === '{"2":1e400,"1":12345678901234567890}' ? '{}' : turn.input)))

function decode(dialect: DialectId, body: Buffer): Call {
  const call = DIALECTS.translating[dialect].decodeRequest(body, { model: 'm', stream: false })
  if (!call.ok) throw new Error(call.error.message)
  return call.value
}

function encode(dialect: DialectId, call: Call): Buffer {
  const encoded = DIALECTS.translating[dialect].encodeRequest(call, target)
  if (!encoded.ok) throw new Error(encoded.error.message)
  return Buffer.from(encoded.value.body, 'latin1')
}

const isSilent = (item: Item): boolean => item.type === 'message' && item.role === 'assistant' && item.parts.every(part => part.type === 'text' && part.text === '')

/** What one side says in a row may come as one turn or as several, and who said nothing may be left out. */
const joined = (call: Call): Call => ({ ...call, items: call.items.filter(item => call.dialect !== 'openai-responses' || !isSilent(item)).reduce<readonly Item[]>((items, item) => {
  const last = items.at(-1)
  if (call.dialect !== 'google-gemini' || last?.type !== 'message' || item.type !== 'message' || last.role !== item.role || item.role === 'system') return [...items, item]
  return [...items.slice(0, -1), { ...last, parts: [...last.parts, ...item.parts] }]
}, []) })

describe('a request', () => {
  it.each([['openai-chat', chat], ['anthropic-messages', messages], ['google-gemini', gemini], ['openai-responses', responses], ['ollama-chat', ollama]] as const)('decodes to the same after it was encoded again (%s)', (dialect, bodies) => {
    fc.assert(fc.property(bodies, body => {
      const call = decode(dialect, Buffer.from(body))
      // What was not held was said to be lost.
      expect(joined({ ...decode(dialect, encode(dialect, call)), unheld: call.unheld })).toEqual(joined(call))
    }), { numRuns: 300 })
  })

  it.each([
    ['openai-chat', 'anthropic-messages', chat], ['anthropic-messages', 'openai-chat', messages], ['openai-chat', 'google-gemini', chat], ['anthropic-messages', 'google-gemini', messages],
    ['google-gemini', 'openai-chat', callsOnly], ['google-gemini', 'anthropic-messages', callsOnly], ['openai-chat', 'openai-responses', chat], ['anthropic-messages', 'openai-responses', messages],
    ['google-gemini', 'openai-responses', callsOnly], ['openai-responses', 'openai-chat', responsesCalls], ['openai-responses', 'anthropic-messages', responsesCalls], ['openai-responses', 'google-gemini', responsesCalls],
    ['ollama-chat', 'openai-chat', ollama], ['ollama-chat', 'anthropic-messages', ollama], ['ollama-chat', 'google-gemini', ollama], ['ollama-chat', 'openai-responses', ollama], ['openai-chat', 'ollama-chat', chat], ['anthropic-messages', 'ollama-chat', messages],
  ] as const)('of %s keeps its calls and their results in %s', (from, to, bodies) => {
    const facts = (call: Call): unknown => call.items.flatMap(item => item.type === 'tool-call' ? [[item.id, item.name, item.input]] : item.type === 'tool-result' ? [[item.callId, item.parts.map(part => part.type === 'text' ? part.text : '').join('')]] : [])
    fc.assert(fc.property(bodies, body => {
      const call = decode(from, Buffer.from(body))
      const encoded = DIALECTS.translating[to].encodeRequest(call, target)
      // Some media are refused there.
      if (encoded.ok) expect(facts(decode(to, Buffer.from(encoded.value.body, 'latin1')))).toEqual(facts(call))
    }), { numRuns: 300 })
  })
})

describe('damage', () => {
  it('by names that every object has changes nothing: an unknown kind is an unknown kind', () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const block = JSON.stringify({ type: name, text: 'x' })
      const bodies: readonly (readonly [DialectId, string])[] = [
        ['openai-chat', `{"model":"m","reasoning_effort":"${name}","${name}":1,"messages":[{"role":"user","content":[${block}],"${name}":{}}]}`],
        ['google-gemini', `{"${name}":1,"generationConfig":{"${name}":2},"toolConfig":{"${name}":{}},"contents":[{"parts":[{"${name}":1},{"text":"y","${name}":{}}]}]}`],
        ['openai-responses', `{"model":"m","${name}":1,"store":false,"reasoning":{"effort":"${name}","${name}":1},"text":{"${name}":1},"tools":[{"type":"${name}","name":"f"}],"input":[{"type":"${name}"},{"role":"user","content":[${block},{"type":"input_text","text":"y","${name}":{}}]}]}`],
        ['anthropic-messages', `{"model":"m","max_tokens":5,"${name}":1,"thinking":{"type":"${name}"},"messages":[{"role":"user","content":[${block},{"type":"text","text":"y"}],"${name}":{}}]}`],
      ]
      for (const [dialect, body] of bodies) for (const other of ['openai-chat', 'openai-responses', 'anthropic-messages', 'google-gemini', 'ollama-chat'] as const) expect(() => JSON.parse(encode(other, decode(dialect, Buffer.from(body))).toString())).not.toThrow()
      const wire = cases.find(one => one.client !== 'openai-chat' && !one.expectedAnswer.startsWith('refused') && one.reads.join('').includes('"finish_reason":"stop"'))
      if (wire === undefined) throw new Error('no case')
      expect(translateAnswer(wire, [Buffer.from(wire.reads.join('').replaceAll('"stop"', `"${name}"`))])).toContain('end_turn')
    }
  })

  it('in an answer makes an answer or an error, and nothing else', () => { damageAnswers(cases, RUNS) }, 60_000)

  it('in a request makes a request that is valid JSON, or an error', () => { damageRequests(cases, RUNS) }, 60_000)
})
