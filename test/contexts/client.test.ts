import { Contexts, HeadraceError, StaleContextError, type ContextEvent } from '@headrace/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

let headrace: Headrace
let contexts: Contexts
beforeAll(async () => {
  headrace = await startHeadrace({ args: ['--workers', '2'], config: { contexts: {} } })
  contexts = new Contexts({ baseURL: `${headrace.url}/`, apiKey: API_KEY })
}, 20_000)
afterAll(() => headrace?.stop())

const user = (content: string) => ({ role: 'user', content })
const refusal = async (promise: Promise<unknown>): Promise<unknown> => promise.then(() => null, (error: unknown) => error)

describe('the client of contexts', () => {
  it('makes, reads, changes, lists, finds and deletes them', async () => {
    const made = await contexts.create({ messages: [user('the heron waits')], metadata: { a: 'é' }, ttl_seconds: 60 })
    expect(made).toMatchObject({ version: 1, seq: 1, metadata: { a: 'é' } })
    expect(await contexts.get(made.id)).toEqual(made)
    expect(await contexts.update(made.id, { metadata: null, ttl_seconds: null })).toMatchObject({ metadata: null, expires_at: null })
    const grown = await contexts.append(made.id, [user('two')])
    expect(await contexts.messages(made.id)).toEqual({ messages: [user('the heron waits'), user('two')], etag: grown.etag })
    expect((await contexts.items(made.id, { since: made.etag })).data.map(({ seq }) => seq)).toEqual([2])
    expect((await contexts.list({ limit: 1 })).data.map(({ id }) => id)).toEqual([made.id])
    expect((await contexts.search('heron')).map(({ id }) => id)).toEqual([made.id])
    expect(await contexts.assembly(made.id, 'sandbox/echo')).toMatchObject({ items: 2 })
    await contexts.delete(made.id)
    const gone = await refusal(contexts.get(made.id))
    expect(gone).toBeInstanceOf(HeadraceError)
    expect(gone).toMatchObject({ status: 404, code: 'not_found' })
  })

  it('says what was missed to who is late', async () => {
    const { id, etag } = await contexts.create({ messages: [user('one')] })
    const second = await contexts.append(id, [user('two')], { ifMatch: etag })
    const late = await refusal(contexts.append(id, [user('mine')], { ifMatch: etag }))
    expect(late).toBeInstanceOf(StaleContextError)
    expect(late).toMatchObject({ status: 412, etag: second.etag, missed: [user('two')] })
  })

  it('forks, goes back, and keeps places and notes', async () => {
    const { id } = await contexts.create({ messages: [user('one'), user('two')] })
    await contexts.tag(id, 'both')
    await contexts.rewind(id, { seq: 1 })
    const fork = await contexts.fork(id, { messages: [user('zwei')] })
    expect([(await contexts.messages(id)).messages, (await contexts.messages(fork.id)).messages]).toEqual([[user('one')], [user('one'), user('zwei')]])
    expect(await contexts.tags(id)).toMatchObject([{ name: 'both', seq: 2 }])
    const plan = await contexts.writeNote(id, 'plan', { steps: ['a'] }, { ifMatch: null })
    expect(await refusal(contexts.writeNote(id, 'plan', 1, { ifMatch: null }))).toMatchObject({ status: 412, etag: plan.etag, missed: [] })
    const next = await contexts.writeNote(id, 'plan', 2, { ifMatch: plan.etag })
    expect([await contexts.note(id, 'plan'), await contexts.notes(id)]).toEqual([next, [next]])
    await contexts.deleteNote(id, 'plan', { ifMatch: next.etag })
    expect(await contexts.notes(id)).toEqual([])
  })

  it('watches: what is there, every change, what was missed, and the end', async () => {
    const { id, etag } = await contexts.create({ messages: [user('one')] })
    const told: ContextEvent[] = []
    const watching = (async () => {
      for await (const event of contexts.watch(id)) {
        told.push(event)
        if (event.type === 'state') await contexts.append(id, [user('two words')])
        if (event.type === 'change') await contexts.delete(id)
      }
    })()
    await watching
    expect(told).toMatchObject([{ type: 'state', state: { etag, seq: 1 } }, { type: 'change', change: { from: 1, data: [{ seq: 2 }] } }, { type: 'deleted' }])
  })

  it('stops watching when it is told to', async () => {
    const { id } = await contexts.create()
    const stop = new AbortController()
    const watching = refusal((async () => { for await (const _ of contexts.watch(id, { signal: stop.signal })) stop.abort() })())
    expect(await watching).toMatchObject({ name: 'AbortError' })
  })
})
