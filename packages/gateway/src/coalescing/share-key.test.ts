import { expect, it } from 'vitest'
import type { Principal } from '@headrace/contract'
import { shareKey, type ShareFacts } from './share-key.ts'

const WHO: Principal = { tenant: 't', team: 'a', app: null, keyId: 'k', endUser: null, scopes: new Set(['inference']), source: 'virtual-key' }
const FACTS: ShareFacts = { version: 1, dialect: 'openai-chat', operation: 'chat', model: 'm', headers: '' }
const BODY = Buffer.from('{"a":1}')

it('is the same for the same request of the same caller', () => {
  expect(shareKey(WHO, FACTS, BODY)).toBe(shareKey({ ...WHO }, { ...FACTS }, Buffer.from(BODY)))
})

it.each<[string, string]>([
  ['tenant', shareKey({ ...WHO, tenant: 'u' }, FACTS, BODY)], ['key', shareKey({ ...WHO, keyId: 'l' }, FACTS, BODY)], ['end user', shareKey({ ...WHO, endUser: 'e' }, FACTS, BODY)],
  ['configuration', shareKey(WHO, { ...FACTS, version: 2 }, BODY)], ['dialect', shareKey(WHO, { ...FACTS, dialect: 'anthropic-messages' }, BODY)],
  ['operation', shareKey(WHO, { ...FACTS, operation: 'completion' }, BODY)], ['model', shareKey(WHO, { ...FACTS, model: 'n' }, BODY)], ['header', shareKey(WHO, { ...FACTS, headers: 'anthropic-beta: x\r\n' }, BODY)],
  ['byte', shareKey(WHO, FACTS, Buffer.from('{"a": 1}'))],
  ['border between parts', shareKey({ ...WHO, tenant: 't","k' }, FACTS, BODY)],
])('is another one with another %s', (_, other) => {
  expect(other).not.toBe(shareKey(WHO, FACTS, BODY))
})
