import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CallRecord } from '@headrace/contract'
import { sampleRecord } from '@headrace/stores/suites'
import { ADMIN, AppHarness, FOREIGN } from './app-harness.ts'

let admin: AppHarness
beforeEach(async () => {
  admin = await AppHarness.start()
  await admin.app.listen({ path: join(admin.directory, 'socket') })
})
afterEach(() => admin.stop())

const call = (callId: string, fields: Partial<CallRecord> = {}): CallRecord => sampleRecord({ callId, ...fields })
const ids = (answer: { json: () => { rows: { record: CallRecord }[] } }): string[] => answer.json().rows.map(row => row.record.callId)

test('rows come with everything that is kept of them, bodies included', async () => {
  const record = call('a.1', { requestBody: '{"q":1}', responseBody: '{"a":2}' })
  admin.store(record)
  expect((await admin.ask('GET', '/admin/v1/logs')).json()).toEqual({ rows: [{ cursor: expect.any(Number), record }] })
})

test('every filter of the log is a parameter', async () => {
  admin.store(call('a.1', { model: 'm1', provider: 'p1', keyId: 'k1', outcome: 'partial', errorKind: 'upstream-reset', requestId: 'r1', startedAt: 1000 }))
  admin.store(call('b.1', { model: 'm2', provider: 'p2', keyId: 'k2', outcome: 'settled', errorKind: '', requestId: 'r2', startedAt: 2000 }))
  for (const query of ['model=m1', 'provider=p1', 'key_id=k1', 'outcome=partial', 'error_kind=upstream-reset', 'request_id=r1', 'until=2000', 'model=m1&provider=p1']) {
    expect([query, ids(await admin.ask('GET', `/admin/v1/logs?${query}`))]).toEqual([query, ['a.1']])
  }
  expect(ids(await admin.ask('GET', '/admin/v1/logs?since=1001'))).toEqual(['b.1'])
  expect(ids(await admin.ask('GET', '/admin/v1/logs?after=0'))).toEqual(['a.1', 'b.1'])
  expect(ids(await admin.ask('GET', '/admin/v1/logs?limit=1'))).toEqual(['b.1'])
})

test.each(['limit=0', 'limit=1001', 'outcome=maybe', 'nonsense=1', 'since=yesterday', 'tenant=other', 'model=', 'model=a&model=b', 'follow=yes'])('%s is refused with a reason', async query => {
  const answer = await admin.ask('GET', `/admin/v1/logs?${query}`)
  expect([answer.statusCode, answer.json().error.type]).toEqual([400, 'invalid_request_error'])
})

test('a tenant sees its own rows only', async () => {
  admin.store(call('a.1'))
  admin.store(call('b.1', { tenant: 'other' }))
  expect(ids(await admin.ask('GET', '/admin/v1/logs', FOREIGN))).toEqual(['b.1'])
  expect(ids(await admin.ask('GET', '/admin/v1/logs'))).toEqual(['a.1'])
})

/** Lines of a following answer, over a socket. */
class Follower {
  readonly answer: IncomingMessage
  readonly lines: AsyncIterator<string>

  constructor(answer: IncomingMessage) {
    this.answer = answer
    this.lines = follow(answer)
  }

  static async to(path: string, key = ADMIN): Promise<Follower> {
    const socket = join(admin.directory, 'socket')
    const sent = request({ socketPath: socket, path, headers: { authorization: `Bearer ${key}` }, agent: false }).end()
    const [answer] = await once(sent, 'response') as [IncomingMessage]
    return new Follower(answer)
  }

  async next(): Promise<string> {
    const { value } = await this.lines.next() as { readonly value: string | undefined }
    return value === undefined ? 'the end' : (JSON.parse(value) as { record: CallRecord }).record.callId
  }
}

async function* follow(answer: IncomingMessage): AsyncGenerator<string, void, undefined> {
  let rest = ''
  for await (const chunk of answer.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines.filter(line => line !== '')
  }
}

test('following gives the rows that are there, then each new one that matches, once and in order', async () => {
  for (const id of ['a.1', 'b.1', 'c.1']) admin.store(call(id, { startedAt: id.charCodeAt(0) }))
  const follower = await Follower.to('/admin/v1/logs?follow=true&limit=2')
  expect(follower.answer.headers['content-type']).toBe('application/x-ndjson')
  expect([await follower.next(), await follower.next()]).toEqual(['b.1', 'c.1'])
  admin.store(call('d.1', { tenant: 'other' }))
  admin.store(call('e.1'))
  expect(await follower.next()).toBe('e.1')
  admin.store(call('f.1'))
  expect(await follower.next()).toBe('f.1')
  follower.answer.destroy()
})

test('following an empty log waits for its first row', async () => {
  const follower = await Follower.to('/admin/v1/logs?follow=true&model=wanted')
  admin.store(call('a.1', { model: 'other' }))
  admin.store(call('b.1', { model: 'wanted' }))
  expect(await follower.next()).toBe('b.1')
  follower.answer.destroy()
})

test('a follower that leaves is forgotten, and one that stays is ended when control stops', async () => {
  const gone = await Follower.to('/admin/v1/logs?follow=true')
  admin.store(call('a.1'))
  await gone.next()
  expect(admin.followers.size).toBe(1)
  gone.answer.destroy()
  const stays = await Follower.to('/admin/v1/logs?follow=true')
  expect(await stays.next()).toBe('a.1')
  for (let look = 0; admin.followers.size !== 1 && look < 1000; look++) await new Promise(resolve => { setImmediate(resolve) })
  expect(admin.followers.size).toBe(1)
  admin.stopping.abort()
  expect(await stays.next()).toBe('the end')
  expect(admin.followers.size).toBe(0)
})

test('a follower whose key is removed or expires is ended, the others are not', async () => {
  admin.store(call('a.1'))
  const make = async (name: string, expiresAt: number | null) => (await admin.ask('POST', '/admin/v1/keys', ADMIN, { name, scopes: ['admin'], expiresAt })).json() as { token: string, key: { keyId: string } }
  const revoked = await make('revoked', null)
  const brief = await make('brief', Date.now() + 2_000)
  const followers = await Promise.all([ADMIN, revoked.token, brief.token].map(key => Follower.to('/admin/v1/logs?follow=true', key)))
  expect(await Promise.all(followers.map(one => one.next()))).toEqual(['a.1', 'a.1', 'a.1'])
  expect((await admin.ask('DELETE', `/admin/v1/keys/${revoked.key.keyId}`)).statusCode).toBe(200)
  expect(await followers[1]?.next()).toBe('the end')
  expect(await followers[2]?.next()).toBe('the end')
  admin.store(call('b.1'))
  expect(await followers[0]?.next()).toBe('b.1')
  followers[0]?.answer.destroy()
})

test('there is an end to how many may follow', async () => {
  admin.store(call('a.1'))
  const followers = await Promise.all(Array.from({ length: 32 }, () => Follower.to('/admin/v1/logs?follow=true')))
  const refused = await admin.ask('GET', '/admin/v1/logs?follow=true')
  expect([refused.statusCode, refused.json().error.code]).toEqual([429, 'rate_limit_exceeded'])
  for (const follower of followers) follower.answer.destroy()
})
