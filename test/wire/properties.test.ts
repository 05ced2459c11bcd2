import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Call, DialectId, Target } from '@headrace/contract'
import { damageAnswers, damageRequests, readCases } from './damage.ts'
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
  { role: 'user', name: turn.name, content: turn.image ? [{ type: 'text', text: turn.said }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } }] : turn.said },
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

function decode(dialect: DialectId, body: Buffer): Call {
  const call = DIALECTS.translating[dialect].decodeRequest(body)
  if (!call.ok) throw new Error(call.error.message)
  return call.value
}

function encode(dialect: DialectId, call: Call): Buffer {
  const encoded = DIALECTS.translating[dialect].encodeRequest(call, target)
  if (!encoded.ok) throw new Error(encoded.error.message)
  return Buffer.from(encoded.value.body, 'latin1')
}

describe('a request', () => {
  it.each([['openai-chat', chat], ['anthropic-messages', messages]] as const)('decodes to the same after it was encoded again (%s)', (dialect, bodies) => {
    fc.assert(fc.property(bodies, body => {
      const call = decode(dialect, Buffer.from(body))
      expect(decode(dialect, encode(dialect, call))).toEqual(call)
    }), { numRuns: 300 })
  })

  it.each([['openai-chat', 'anthropic-messages', chat], ['anthropic-messages', 'openai-chat', messages]] as const)('of %s keeps its calls and their results in %s', (from, to, bodies) => {
    const facts = (call: Call): unknown => call.items.flatMap(item => item.type === 'tool-call' ? [[item.id, item.name, item.input]] : item.type === 'tool-result' ? [[item.callId, item.parts.map(part => part.type === 'text' ? part.text : '')]] : [])
    fc.assert(fc.property(bodies, body => {
      const call = decode(from, Buffer.from(body))
      expect(facts(decode(to, encode(to, call)))).toEqual(facts(call))
    }), { numRuns: 300 })
  })
})

describe('damage', () => {
  it('by names that every object has changes nothing: an unknown kind is an unknown kind', () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const block = JSON.stringify({ type: name, text: 'x' })
      const bodies: readonly (readonly [DialectId, string])[] = [
        ['openai-chat', `{"model":"m","reasoning_effort":"${name}","${name}":1,"messages":[{"role":"user","content":[${block}],"${name}":{}}]}`],
        ['anthropic-messages', `{"model":"m","max_tokens":5,"${name}":1,"thinking":{"type":"${name}"},"messages":[{"role":"user","content":[${block},{"type":"text","text":"y"}],"${name}":{}}]}`],
      ]
      for (const [dialect, body] of bodies) for (const other of ['openai-chat', 'anthropic-messages'] as const) expect(() => JSON.parse(encode(other, decode(dialect, Buffer.from(body))).toString())).not.toThrow()
      const wire = cases.find(one => one.client !== 'openai-chat' && !one.expectedAnswer.startsWith('refused') && one.reads.join('').includes('"finish_reason":"stop"'))
      if (wire === undefined) throw new Error('no case')
      expect(translateAnswer(wire, [Buffer.from(wire.reads.join('').replaceAll('"stop"', `"${name}"`))])).toContain('end_turn')
    }
  })

  it('in an answer makes an answer or an error, and nothing else', () => { damageAnswers(cases, RUNS) }, 60_000)

  it('in a request makes a request that is valid JSON, or an error', () => { damageRequests(cases, RUNS) }, 60_000)
})
