import { describe, expect, it } from 'vitest'
import type { Principal } from '@headrace/contract'
import { fingerprintOf, nameOf, readKey } from './request-key.ts'

it.each<[string, string | null]>([
  ['abc', 'abc'], ['"abc"', 'abc'], ['"a\\"b\\\\c"', 'a"b\\c'], ['"', '"'], ['"a"b"', '"a"b"'], ['x'.repeat(255), 'x'.repeat(255)],
  ['', null], ['""', null], ['a b', null], ['"a b"', null], ['a, b', null], ['a\tb', null], ['\u00e9', null], ['x'.repeat(256), null],
])('of %j the key is %j', (value, key) => {
  const read = readKey(value)
  expect(read.ok ? read.value : null).toBe(key)
})

const who = (facts: Partial<Principal> = {}): Principal => ({ tenant: 't', team: null, app: null, keyId: 'k', endUser: null, scopes: new Set(['inference']), source: 'virtual-key', ...facts })

describe('names', () => {
  it('are the same for the same caller and key, whatever else is known of it', () => {
    expect(nameOf(who({ team: 'a' }), 'x')).toEqual(nameOf(who({ team: 'b' }), 'x'))
  })

  it.each([who({ tenant: 'u' }), who({ keyId: 'l' }), who({ endUser: 'e' })])('of another tenant, credential or end user are others', other => {
    expect(nameOf(other, 'x').id).not.toBe(nameOf(who(), 'x').id)
  })

  it('cannot be made equal by what a key holds', () => {
    expect(nameOf(who({ keyId: 'a","b' }), 'c').id).not.toBe(nameOf(who({ keyId: 'a' }), 'b","c').id)
  })
})

it('a fingerprint tells requests apart by path, headers of the dialect and every byte', () => {
  const body = Buffer.from('{"a":1}')
  const all = [
    fingerprintOf('openai-chat', 'chat', '', body), fingerprintOf('openai-chat', 'completion', '', body), fingerprintOf('anthropic-messages', 'chat', '', body),
    fingerprintOf('openai-chat', 'chat', 'x: y\r\n', body), fingerprintOf('openai-chat', 'chat', '', Buffer.from('{"a": 1}')),
  ]
  expect(new Set(all).size).toBe(all.length)
  expect(fingerprintOf('openai-chat', 'chat', '', Buffer.from(body))).toBe(all[0])
})
