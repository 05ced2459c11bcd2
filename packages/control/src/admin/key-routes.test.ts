import { hash } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ADMIN, AppHarness, fileText, FOREIGN } from './app-harness.ts'

let admin: AppHarness
beforeEach(async () => { admin = await AppHarness.start() })
afterEach(() => admin.stop())

test('a new key is shown once, works when it is answered, and only its digest is kept', async () => {
  const answer = await admin.ask('POST', '/admin/v1/keys', ADMIN, { name: 'team', team: 'search', models: ['fast', 'gpt-*'] })
  expect(answer.statusCode).toBe(201)
  const { token, key } = answer.json()
  expect(token).toMatch(/^hr_[0-9A-Za-z]{38}$/)
  expect(key).toMatchObject({ name: 'team', team: 'search', app: null, scopes: ['inference'], models: ['fast', 'gpt-*'], tenant: 'default', readOnly: false, prefix: token.slice(0, 8) })
  expect(admin.sent.at(-1)?.keys.at(-1)).toMatchObject({ keyId: key.keyId, digest: hash('sha256', token) })
  const listed = await admin.ask('GET', '/admin/v1/keys')
  expect(listed.json().keys.map((one: { name: string }) => one.name)).toEqual(['root', 'client', 'old', 'team'])
  expect(listed.body).not.toContain(token.slice(9))
  expect(listed.body).not.toContain(hash('sha256', token))
})

test('a removed key is gone when it is answered (check S2)', async () => {
  const { token, key } = (await admin.ask('POST', '/admin/v1/keys', ADMIN, { name: 'second', scopes: ['admin'] })).json()
  expect((await admin.ask('GET', '/admin/v1/keys', token)).statusCode).toBe(200)
  expect((await admin.ask('DELETE', `/admin/v1/keys/${key.keyId}`)).json()).toEqual({ removed: key.keyId })
  expect((await admin.ask('GET', '/admin/v1/keys', token)).statusCode).toBe(401)
  expect(await admin.keys.all()).toEqual([])
})

test('a bad file holds up no key', async () => {
  admin.write('servre: 1')
  expect((await admin.ask('POST', '/admin/v1/keys', ADMIN, { name: 'urgent' })).statusCode).toBe(201)
})

test('keys of the file are read-only', async () => {
  const answer = await admin.ask('DELETE', '/admin/v1/keys/file:client')
  expect([answer.statusCode, answer.json().error.code]).toEqual([409, 'read_only'])
})

test('another tenant\'s key and an unknown one look the same', async () => {
  const { key } = (await admin.ask('POST', '/admin/v1/keys', ADMIN, { name: 'mine' })).json()
  const [foreign, unknown] = [await admin.ask('DELETE', `/admin/v1/keys/${key.keyId}`, FOREIGN), await admin.ask('DELETE', '/admin/v1/keys/key_0000000000000000', FOREIGN)]
  expect([foreign.statusCode, foreign.body]).toEqual([404, unknown.body])
  expect((await admin.ask('GET', '/admin/v1/keys', FOREIGN)).json().keys.map((one: { name: string }) => one.name)).toEqual(['foreign'])
  expect((await admin.ask('POST', '/admin/v1/keys', FOREIGN, { name: 'theirs' })).json().key.tenant).toBe('other')
})

test.each([
  ['no name', {}], ['a name with a space', { name: 'a b' }], ['an unknown field', { name: 'a', tenant: 'other' }], ['an unknown scope', { name: 'a', scopes: ['root'] }],
  ['no scope', { name: 'a', scopes: [] }], ['a star in the middle', { name: 'a', models: ['a*b'] }], ['an expiry that is no number', { name: 'a', expiresAt: 'soon' }],
] as const)('%s is refused with a reason', async (_name, body) => {
  const answer = await admin.ask('POST', '/admin/v1/keys', ADMIN, body)
  expect([answer.statusCode, answer.json().error.type]).toEqual([400, 'invalid_request_error'])
  expect(await admin.keys.all()).toEqual([])
})

test('a name is used once', async () => {
  expect((await admin.ask('POST', '/admin/v1/keys', ADMIN, { name: 'client' })).json().error.code).toBe('name_taken')
})

test('a key that a worker does not take is not made', async () => {
  admin.take = config => config.keys.some(key => key.name === 'late') ? 'refuse' : 'accept'
  const answer = await admin.ask('POST', '/admin/v1/keys', ADMIN, { name: 'late' })
  expect([answer.statusCode, await admin.keys.all()]).toEqual([500, []])
  expect(admin.keeper.current.keys.some(key => key.name === 'late')).toBe(false)
})

test('the last admin key stays, even if two are removed at the same moment; and of two with one name one is made', async () => {
  admin.write(fileText({ keys: [] }))
  const made = await Promise.all(['a', 'b'].map(name => admin.ask('POST', '/admin/v1/keys', ADMIN, { name, scopes: ['admin'] })))
  const [first, second] = made.map(answer => answer.json())
  expect((await admin.ask('POST', '/admin/v1/reload')).statusCode).toBe(200)
  const removed = await Promise.all([first, second].map(one => admin.ask('DELETE', `/admin/v1/keys/${one.key.keyId}`, one.token)))
  expect(removed.map(answer => answer.statusCode).sort()).toEqual([200, 409])
  expect(removed.find(answer => answer.statusCode === 409)?.json().error.code).toBe('last_admin_key')
  const left = removed[0]?.statusCode === 200 ? second.token : first.token
  const named = await Promise.all([1, 2].map(() => admin.ask('POST', '/admin/v1/keys', left, { name: 'twin' })))
  expect(named.map(answer => answer.statusCode).sort()).toEqual([201, 409])
})
