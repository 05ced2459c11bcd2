import { describe, expect, it } from 'vitest'
import type { Principal } from '@headrace/contract'
import { deriveKeys, fingerprintOf, readKey } from './request-key.ts'

it.each<[string, string | null]>([
  ['abc', 'abc'], ['"abc"', 'abc'], ['"a\\"b\\\\c"', 'a"b\\c'], ['"', '"'], ['"a"b"', '"a"b"'], ['x'.repeat(255), 'x'.repeat(255)],
  ['', null], ['""', null], ['a b', null], ['"a b"', null], ['a, b', null], ['a\tb', null], ['\u00e9', null], ['x'.repeat(256), null],
])('of %j the key is %j', (value, key) => {
  const read = readKey(value)
  expect(read.ok ? read.value : null).toBe(key)
})

const who = (facts: Partial<Principal> = {}): Principal => ({ tenant: 't', team: null, app: null, keyId: 'k', endUser: null, scopes: new Set(['inference']), source: 'virtual-key', ...facts })

/** Everything that is derived, as one text. */
const derived = (principal: Principal, token = 'token', key = 'x'): string => Object.values(deriveKeys(principal, token, key)).map(value => JSON.stringify(value)).join('\n')

describe('what is derived', () => {
  it('is the same for the same caller and key, whatever else is known of it', () => {
    expect(derived(who({ team: 'a' }))).toEqual(derived(who({ team: 'b' })))
  })

  it.each<[string, string]>([
    ['tenant', derived(who({ tenant: 'u' }))], ['credential', derived(who({ keyId: 'l' }))], ['end user', derived(who({ endUser: 'e' }))], ['token', derived(who(), 'other')], ['key', derived(who(), 'token', 'y')],
  ])('has nothing in common with that of another %s', (_, other) => {
    const mine = derived(who()).split('\n')
    expect(other.split('\n').filter(value => mine.includes(value))).toEqual([])
  })

  it('cannot be made equal by what a key holds', () => {
    expect(derived(who({ keyId: 'a","b' }), 'token', 'c')).not.toBe(derived(who({ keyId: 'a' }), 'token', 'b","c'))
    expect(derived(who(), 'a', 'bc')).not.toBe(derived(who(), 'ab', 'c'))
  })

  it('is three values of which none is another', () => {
    const { name, fingerprintKey, answerKey } = deriveKeys(who(), 'token', 'x')
    expect([name.id, fingerprintKey.toString('hex'), answerKey.toString('hex')].map(value => value.length)).toEqual([64, 64, 64])
    expect(new Set([name.id, fingerprintKey.toString('hex'), answerKey.toString('hex')]).size).toBe(3)
  })
})

it('a fingerprint tells requests apart by path, headers of the dialect and every byte, and nothing without its key', () => {
  const body = Buffer.from('{"a":1}')
  const keys = deriveKeys(who(), 'token', 'x')
  const all = [
    fingerprintOf(keys, 'openai-chat', 'chat', '', body), fingerprintOf(keys, 'openai-chat', 'completion', '', body), fingerprintOf(keys, 'anthropic-messages', 'chat', '', body),
    fingerprintOf(keys, 'openai-chat', 'chat', 'x: y\r\n', body), fingerprintOf(keys, 'openai-chat', 'chat', '', Buffer.from('{"a": 1}')),
    fingerprintOf(deriveKeys(who(), 'token', 'y'), 'openai-chat', 'chat', '', body),
  ]
  expect(new Set(all).size).toBe(all.length)
  expect(fingerprintOf(keys, 'openai-chat', 'chat', '', Buffer.from(body))).toBe(all[0])
})
