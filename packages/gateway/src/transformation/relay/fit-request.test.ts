import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { ProviderQuirks } from '@headrace/contract'
import { fitRequest } from './fit-request.ts'

const QUIRKS: ProviderQuirks = {
  refuses: ['user', 'logit_bias'], renames: { max_completion_tokens: 'max_tokens', seed: 'random_seed' }, roles: { developer: 'system' }, maxTemperature: 1, oneChoice: true,
  toolCallIds: { pattern: '^[A-Za-z0-9]{9}$', length: 9 },
}
const fit = (body: string, quirks = QUIRKS) => {
  const fitted = fitRequest(body, quirks)
  if (!fitted.ok) throw new Error(fitted.error.message)
  return fitted.value
}

it.each([
  ['the first member goes', '{"user":"x","a":1}', '{"a":1}'],
  ['the last one goes', '{"a":1 , "user" : "x" }', '{"a":1}'],
  ['all go', ' { "user":"x","logit_bias":{"1":[2]} } ', ' {} '],
  ['neighbours go', '{"a":1,"user":"x","logit_bias":null,"b":2}', '{"a":1,"b":2}'],
  ['a name inside a text or an object is no member', '{"a":"\\"user\\":1","b":{"user":1},"user":2}', '{"a":"\\"user\\":1","b":{"user":1}}'],
  ['lexemes of what stays are kept', '{"user":"x","a":1.50e0,"b":"\\u00e9"}', '{"a":1.50e0,"b":"\\u00e9"}'],
  ['a member is renamed', '{"seed" : 7}', '{"random_seed":7}'],
  ['one that stands there by both names stays as the provider calls it', '{"max_completion_tokens":5,"max_tokens":6}', '{"max_tokens":6}'],
  ['a temperature is cut', '{"temperature":1.2}', '{"temperature":1}'],
  ['a lower one is not', '{"temperature":0.70}', '{"temperature":0.70}'],
  ['one choice is one choice', '{"n":1}', '{"n":1}'],
  ['a role is replaced, in every message', '{"messages":[{"content":"developer","role":"developer"},{"role":"user"}]}', '{"messages":[{"content":"developer","role":"system"},{"role":"user"}]}'],
  ['a body that holds nothing of it stays as it is', '{ "model" : "m" }', '{ "model" : "m" }'],
])('%s', (_what, body, expected) => {
  expect(fit(body).body).toBe(expected)
})

it('an id of a call is the same wherever it stands, and one that fits stays', () => {
  const { body } = fit('{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"function"},{"id":"abcdefghi"}]},{"tool_call_id":"call_1"},{"tool_call_id":"abcdefghi"}]}')
  const { messages } = JSON.parse(body) as { messages: [{ tool_calls: { id: string }[] }, { tool_call_id: string }, { tool_call_id: string }] }
  expect(messages[0].tool_calls[0]?.id).toMatch(/^[a-z0-9]{9}$/)
  expect(messages[1].tool_call_id).toBe(messages[0].tool_calls[0]?.id)
  expect([messages[0].tool_calls[1]?.id, messages[2].tool_call_id]).toEqual(['abcdefghi', 'abcdefghi'])
})

it('what goes and what is only close is told; what was null or is there by another name is not lost', () => {
  expect(fit('{"user":"x","logit_bias":null,"temperature":2,"max_completion_tokens":1,"max_tokens":1}')).toMatchObject({ dropped: ['user'], approximated: ['temperature'] })
})

it('several answers cannot be had where one is given', () => {
  expect(fitRequest('{"n":2}', QUIRKS)).toMatchObject({ ok: false, error: { kind: 'invalid-request', param: 'n' } })
})

it('of any body all that no quirk is about is kept, byte for byte and in its order', () => {
  const name = fc.constantFrom('user', 'logit_bias', 'seed', 'max_tokens', 'max_completion_tokens', 'a', 'é', 'm"x', 'model', 'top_p')
  fc.assert(fc.property(fc.dictionary(name, fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
    const text = Buffer.from(JSON.stringify(value, null, indent)).latin1Slice()
    const fitted = JSON.parse(Buffer.from(fit(text).body, 'latin1').toString()) as Record<string, unknown>
    const expected = Object.entries(value).flatMap(([key, member]) => key === 'user' || key === 'logit_bias' || (key === 'max_completion_tokens' && Object.hasOwn(value, 'max_tokens')) ? []
      : [[key === 'seed' ? 'random_seed' : key === 'max_completion_tokens' ? 'max_tokens' : key, member] as const])
    expect(JSON.stringify(fitted)).toBe(JSON.stringify(Object.fromEntries(expected)))
  }))
})

it.each([
  ['the first member', '{"model":"model","a":"\\"model\\":1","b":{"model":1}}', '{"v":"1","a":"\\"model\\":1","b":{"model":1}}'],
  ['one in the middle', ' { "a" : 1.50, "model" : "m" , "b":2 } ', '{"v":"1", "a" : 1.50,  "b":2 } '],
  ['the last one', '{"a":1,"model":"m"}', '{"v":"1","a":1}'],
  ['the only one', '{"model":"m"}', '{"v":"1"}'],
  ['one with an escaped name', '{"mod\\u0065l":"m","a":1}', '{"v":"1","a":1}'],
  ['none', '{"a":1}', '{"v":"1","a":1}'],
  ['none of none', '{ }', '{"v":"1"}'],
  ['what is demanded, and the client says otherwise', '{"v":"2","model":"m","a":1}', '{"v":"1","a":1}'],
  ['what is demanded, said twice', '{"v":"2","v":"3","model":"m","a":1}', '{"v":"1","a":1}'],
])('a member that stands elsewhere goes and one that is demanded comes: %s', (_what, body, expected) => {
  const fitted = fit(body, { elsewhere: ['model'], demands: { v: '1' } })
  expect(JSON.parse(fitted.body)).toEqual(JSON.parse(expected))
  expect([fitted.body.match(/"v"/g)?.length, fitted.dropped, fitted.approximated]).toEqual([1, [], []])
  expect(fit(body, { elsewhere: ['model'], demands: { v: '1' }, refuses: ['x'] }).body.replaceAll(/\s/g, '')).toBe(expected.replaceAll(/\s/g, ''))
  expect(fitted.body.replaceAll(/\s/g, '')).toBe(expected.replaceAll(/\s/g, ''))
})
