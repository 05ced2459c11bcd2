import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completion } from '../harness/completions.ts'
import { openRaw, sendRaw, type RawAnswer } from '../harness/http-client.ts'
import { answerJson, type Script } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const OTHER_TENANT = 'hr_test_other_tenant_0123456789abcde'
let rig: Rig
beforeAll(async () => { rig = await startRig({ args: ['--workers', '2'], config: () => ({ keys: [{ name: 'other', key: OTHER_TENANT, tenant: 'other' }], contexts: {} }) }) }, 20_000)
afterAll(() => rig?.stop())

interface Told extends RawAnswer { readonly json: Record<string, unknown> }
async function call(method: string, path: string, body: object | string | null = null, facts: { readonly token?: string, readonly ifMatch?: string, readonly ifNoneMatch?: string } = {}): Promise<Told> {
  const answer = await sendRaw(rig.headrace.port, {
    method, path: `/v1/contexts${path}`, headers: [['authorization', `Bearer ${facts.token ?? API_KEY}`], ...(facts.ifMatch === undefined ? [] : [['if-match', facts.ifMatch] as [string, string]]), ...(facts.ifNoneMatch === undefined ? [] : [['if-none-match', facts.ifNoneMatch] as [string, string]])],
    ...(body === null ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { ...answer, json: JSON.parse(answer.body.toString()) as Record<string, unknown> }
}
const user = (content: string) => ({ role: 'user', content })
const made = async (...contents: string[]): Promise<string> => String((await call('POST', '', { messages: contents.map(user) })).json['id'])
const messagesOf = async (id: string): Promise<unknown> => JSON.parse((await call('GET', `/${id}/messages`)).body.toString()) as unknown
const etagOf = (told: Told): string => told.headers.get('etag') ?? ''
const errorOf = (told: Told): Record<string, unknown> => told.json['error'] as Record<string, unknown>

describe('contexts as resources', () => {
  it('are made, read and deleted', async () => {
    const first = await call('POST', '', { messages: [user('one \u00e9')], metadata: { b: 1, a: 'x \u00e9' }, ttl_seconds: 3_600 })
    expect([first.status, first.headers.get('location'), etagOf(first)]).toEqual([201, `/v1/contexts/${String(first.json['id'])}`, '"1-"'])
    expect(first.json).toMatchObject({ object: 'context', version: 1, etag: '"1-"', seq: 1, metadata: { b: 1, a: 'x \u00e9' } })
    const read = await call('GET', `/${String(first.json['id'])}`)
    expect([read.status, read.json]).toEqual([200, first.json])
    expect(Date.parse(String(read.json['expires_at'])) - Date.parse(String(read.json['created_at']))).toBe(3_600_000)
    const { data, from } = (await call('GET', `/${String(first.json['id'])}/items`)).json as unknown as { from: number, data: unknown[] }
    expect([from, data]).toEqual([0, [{ seq: 1, head: first.json['head'], item: { type: 'message', role: 'user', name: '', parts: [{ type: 'text', text: 'one \u00e9', cache: null, citations: null }] } }]])
    expect((await call('DELETE', `/${String(first.json['id'])}`)).json).toMatchObject({ deleted: true })
    expect((await call('GET', `/${String(first.json['id'])}`)).status).toBe(404)
  })

  it('take messages with If-Match, and say what was missed to who is late', async () => {
    const id = await made('one')
    const second = await call('POST', `/${id}/items`, { messages: [user('two')] }, { ifMatch: '"1-"' })
    expect(second.json).toMatchObject({ version: 2, seq: 2 })
    const late = await call('POST', `/${id}/items`, { messages: [user('mine')] }, { ifMatch: '"1-"' })
    expect([late.status, errorOf(late)['code'], etagOf(late)]).toEqual([412, 'context_stale', etagOf(second)])
    expect(late.json['context']).toEqual({ etag: etagOf(second), seq: 2, from: 1, missed: [user('two')] })
    expect((await call('GET', `/${id}/items?since=${encodeURIComponent('"1-"')}`)).json).toMatchObject({ from: 1, data: [{ seq: 2 }] })
    expect(await messagesOf(id)).toEqual([user('one'), user('two')])
  })

  it('change their metadata without changing what was said', async () => {
    const id = await made('one')
    const before = await call('GET', `/${id}`)
    const after = await call('PATCH', `/${id}`, { metadata: { note: 1 }, ttl_seconds: null })
    expect([after.json['head'], after.json['metadata'], after.json['expires_at'], after.json['version']]).toEqual([before.json['head'], { note: 1 }, null, 2])
    expect((await call('PATCH', `/${id}`, { metadata: null })).json['metadata']).toBeNull()
  })

  it('fork, go back, and keep places under names', async () => {
    const id = await made('one', 'two')
    await call('PUT', `/${id}/tags/draft-1`)
    await call('POST', `/${id}/items`, { messages: [user('three')] })
    const forked = await call('POST', `/${id}/fork`, { tag: 'draft-1', messages: [user('drei')], metadata: { of: id } })
    expect(await messagesOf(String(forked.json['id']))).toEqual([user('one'), user('two'), user('drei')])
    expect((await call('POST', `/${id}/rewind`, { seq: 1 })).json).toMatchObject({ seq: 1 })
    expect((await call('GET', `/${id}/tags`)).json).toMatchObject({ data: [{ name: 'draft-1', seq: 2 }] })
    expect(await messagesOf(id)).toEqual([user('one')])
    expect([(await call('POST', `/${id}/rewind`, { seq: 9 })).status, (await call('POST', `/${id}/fork`, { tag: 'none' })).status, (await call('POST', `/${id}/rewind`, {})).status]).toEqual([404, 404, 400])
  })

  it('hold notes, each with an ETag of its own, of which only those that were read are written over', async () => {
    const id = await made('one')
    const plan = await call('PUT', `/${id}/notes/plan`, { value: { steps: ['look', 'é'], sure: 1.0 } }, { ifNoneMatch: '*' })
    expect([plan.status, etagOf(plan), plan.json]).toEqual([200, '"2"', { name: 'plan', etag: '"2"', value: { steps: ['look', 'é'], sure: 1 }, updated_at: expect.any(String) as unknown }])
    expect((await call('PUT', `/${id}/notes/facts`, { value: 'one' }, { ifNoneMatch: '*' })).status).toBe(200)
    const second = await call('PUT', `/${id}/notes/plan`, { value: 'new' }, { ifMatch: etagOf(plan) })
    const late = await call('PUT', `/${id}/notes/plan`, { value: 'mine' }, { ifMatch: etagOf(plan) })
    expect([late.status, errorOf(late)['code'], etagOf(late), late.json['note']]).toEqual([412, 'context_stale', etagOf(second), second.json])
    expect([(await call('PUT', `/${id}/notes/plan`, { value: 1 }, { ifNoneMatch: '*' })).status, (await call('PUT', `/${id}/notes/other`, { value: 1 }, { ifMatch: '"9"' })).status]).toEqual([412, 412])
    expect((await call('GET', `/${id}/notes`)).json['data']).toMatchObject([{ name: 'facts', value: 'one' }, { name: 'plan', value: 'new' }])
    const fork = String((await call('POST', `/${id}/fork`, {})).json['id'])
    expect((await call('DELETE', `/${id}/notes/plan`, null, { ifMatch: etagOf(second) })).json).toMatchObject({ deleted: true })
    expect([(await call('GET', `/${id}/notes/plan`)).status, (await call('GET', `/${fork}/notes/plan`)).json['value']]).toEqual([404, 'new'])
    expect([(await call('PUT', `/${id}/notes/x`, { value: null })).status, (await call('PUT', `/${id}/notes/x`, { value: 'y'.repeat(70_000) })).status, (await call('PUT', `/${id}/notes/%20`, { value: 1 })).status]).toEqual([400, 400, 400])
    expect(await messagesOf(id)).toEqual([user('one')])
  })

  it('are listed and searched', async () => {
    const ids = [await made('the zebra sleeps'), await made('the zebra eats'), await made('nothing')]
    const page = (await call('GET', '?limit=2')).json as unknown as { data: { id: string }[], has_more: boolean }
    expect([page.data.map(({ id }) => id), page.has_more]).toEqual([[ids[2], ids[1]], true])
    expect(((await call('GET', `?limit=1&before=${ids[1]}`)).json as unknown as { data: { id: string }[] }).data[0]?.id).toBe(ids[0])
    const found = (await call('GET', '/search?q=zebra%20eats')).json as unknown as { data: unknown[] }
    expect(found.data).toEqual([{ id: ids[1], kind: 'context', seq: 1, excerpt: expect.stringContaining('zebra') as unknown }])
  })

  it('are the same contexts that model calls go on with', async () => {
    rig.upstream.on('native', answerJson(completion('three')))
    const id = await made('one', 'two')
    await rig.post(JSON.stringify({ model: 'up/native', messages: [user('and?')] }), [['headrace-context', id]])
    expect(await messagesOf(id)).toEqual([user('one'), user('two'), user('and?'), { role: 'assistant', content: 'three' }])
  })

  it('are not changed while a model call is at work on them', async () => {
    const gate = Promise.withResolvers<void>()
    const slow: Script = async (socket, request) => { await gate.promise; await answerJson(completion('ok'))(socket, request) }
    rig.upstream.on('native-busy', slow)
    const id = await made('one')
    const running = rig.post(JSON.stringify({ model: 'up/native-busy', messages: [user('?')] }), [['headrace-context', id]])
    await rig.upstream.seen('native-busy')
    expect([(await call('POST', `/${id}/items`, { messages: [user('x')] })).status, (await call('GET', `/${id}`)).status]).toEqual([409, 200])
    gate.resolve()
    await running
    expect((await call('POST', `/${id}/items`, { messages: [user('x')] })).status).toBe(200)
  })

  it('say what a model would be asked with', async () => {
    const id = await made('one', 'two')
    const { json } = await call('GET', `/${id}/assembly?model=up/anything`)
    expect(json).toMatchObject({ object: 'context.assembly', target: 'up/anything', dialect: 'openai-chat', policy: 'append-only', seq: 2, items: 2, losses: [] })
    expect(Number(json['estimated_input_tokens'])).toBeGreaterThan(1)
    expect((await call('GET', `/${id}/assembly?model=nobody/x`)).status).toBe(404)
  })

  it('tell watchers of each change, and those who come back what they missed', async () => {
    const id = await made('one')
    const watch = async (lastEventId: string | null) => {
      const socket = await openRaw(rig.headrace.port, { method: 'GET', path: `/v1/contexts/${id}/watch`, headers: [['authorization', `Bearer ${API_KEY}`], ...(lastEventId === null ? [] : [['last-event-id', lastEventId] as [string, string]])] })
      let seen = ''
      socket.on('data', (bytes: Buffer) => { seen += bytes.toString() })
      return { socket, sees: (words: string) => until(`"${words}" in what a watcher is told`, () => seen.includes(words)) }
    }
    const one = await watch(null)
    await one.sees('event: state')
    await call('POST', `/${id}/items`, { messages: [user('two words')] })
    await one.sees('two words')
    const late = await watch('"1-"')
    await late.sees('two words')
    await call('DELETE', `/${id}`)
    await Promise.all([one.sees('event: deleted'), late.sees('event: deleted')])
    for (const { socket } of [one, late]) if (!socket.destroyed) { socket.destroy(); await once(socket, 'close') }
  })

  it('of another tenant look like none, in every method', async () => {
    const id = await made('secret')
    const token = OTHER_TENANT
    const tried = [
      await call('GET', `/${id}`, null, { token }), await call('GET', `/${id}/items`, null, { token }), await call('GET', `/${id}/messages`, null, { token }), await call('PATCH', `/${id}`, { metadata: {} }, { token }),
      await call('POST', `/${id}/items`, { messages: [user('x')] }, { token }), await call('POST', `/${id}/fork`, {}, { token }), await call('POST', `/${id}/rewind`, { seq: 0 }, { token }), await call('PUT', `/${id}/tags/x`, null, { token }),
      await call('GET', `/${id}/tags`, null, { token }), await call('GET', `/${id}/watch`, null, { token }), await call('GET', `/${id}/assembly?model=up/x`, null, { token }), await call('DELETE', `/${id}`, null, { token }), await call('GET', `/${id}/notes`, null, { token }), await call('GET', `/${id}/notes/x`, null, { token }), await call('PUT', `/${id}/notes/x`, { value: 1 }, { token }), await call('DELETE', `/${id}/notes/x`, null, { token }),
    ]
    expect(tried.map(({ status }) => status)).toEqual(tried.map(() => 404))
    expect(new Set(tried.map(told => errorOf(told)['message'])).size).toBe(1)
    expect(((await call('GET', '', null, { token })).json as unknown as { data: unknown[] }).data).toEqual([])
    expect(((await call('GET', '/search?q=secret', null, { token })).json as unknown as { data: unknown[] }).data).toEqual([])
    expect(await messagesOf(id)).toEqual([user('secret')])
  })

  it.each<[string, string, string, object | string | null, number]>([
    ['no key', 'GET', '', null, 401], ['a wrong body', 'POST', '', '[1]', 400], ['no JSON', 'POST', '', '{', 400], ['wrong messages', 'POST', '', { messages: 'x' }, 400], ['wrong metadata', 'POST', '', { metadata: [] }, 400],
    ['a wrong time', 'POST', '', { ttl_seconds: 0.5 }, 400], ['an unknown path', 'GET', '/x/y', null, 404], ['too long a path', 'GET', '/x/tags/y/z', null, 404], ['another method', 'PUT', '', null, 405], ['another method of one', 'POST', '/x', {}, 405],
    ['a limit', 'GET', '?limit=0', null, 400], ['no words', 'GET', '/search', null, 400], ['no messages', 'POST', '/ctx_x/items', {}, 404], ['a bad name', 'PUT', '/ctx_x/tags/%20', null, 400],
  ])('refuse %s: %s %s', async (name, method, path, body, status) => {
    expect((await call(method, path, body, name === 'no key' ? { token: 'hr_none' } : {})).status).toBe(status)
  })
})
