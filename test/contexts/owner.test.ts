import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { etagOf } from '@headrace/contract'
import { startContextOwner, type ContextOwnerThread } from '@headrace/stores'
import { ContextClient } from '../../packages/gateway/src/contexts/context-client.ts'

let directory: string
let owner: ContextOwnerThread
let clients: ContextClient[]
const problems: string[] = []
const start = (): ContextOwnerThread => startContextOwner({ database: join(directory, 'contexts.db'), socket: join(directory, 'socket') }, problem => problems.push(problem))
const client = (): ContextClient => {
  const made = new ContextClient(join(directory, 'socket'))
  clients.push(made)
  return made
}
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'headrace-owner-'))
  clients = []
  problems.length = 0
  owner = start()
  await owner.ready()
})
afterEach(async () => {
  for (const each of clients) each.close()
  await owner.stop()
  rmSync(directory, { recursive: true, force: true })
})

const item = (text: string) => ({ bytes: Buffer.from(text), text })
const draft = (id: string, ...texts: string[]) => ({ id, kind: 'context' as const, ttlMs: null, metadata: '{"é":1}', settings: '', items: texts.map(item) })
const append = (text: string, turn = '') => ({ expect: null, turn, append: [item(text)] })
const textsOf = async (from: ContextClient, id: string): Promise<string[]> => ((await from.read('t', id, null))?.items ?? []).map(({ bytes }) => bytes.toString())

it('every client sees at once what another was told is done', async () => {
  const [one, two] = [client(), client()]
  expect(await one.create('t', draft('a', 'one', 'zwei é'))).toMatchObject({ kind: 'done', state: { seq: 2, metadata: '{"é":1}' } })
  expect(await textsOf(two, 'a')).toEqual(['one', 'zwei é'])
  expect(await two.fork('t', 'a', 1, draft('b', 'of b'))).toMatchObject({ kind: 'done' })
  expect(await textsOf(one, 'b')).toEqual(['one', 'of b'])
  expect([await two.list('t', { kind: 'context', before: null, most: 9 }), await two.search('t', 'zwei', 9), await two.tags('t', 'a'), await two.remove('t', 'a'), await one.read('t', 'a', null)])
    .toMatchObject([[{ id: 'b' }, { id: 'a' }], [{ id: 'a', seq: 2 }], [], true, null])
})

it('of many clients that write against what they have read no write is lost', async () => {
  const many = Array.from({ length: 8 }, client)
  await many[0]?.create('t', draft('a'))
  const write = async (from: ContextClient, name: string): Promise<void> => {
    for (let tries = 0; tries < 100; tries++) {
      const reading = await from.read('t', 'a', null)
      if (reading === null) throw new Error('gone')
      const { kind } = await from.change('t', 'a', { expect: { etag: etagOf(reading.state) }, turn: name, append: [item(name)] }, '')
      if (kind === 'done') return
    }
    throw new Error('never written')
  }
  await Promise.all(many.flatMap((from, writer) => Array.from({ length: 3 }, (_, count) => write(from, `${writer}.${count}`))))
  const written = await textsOf(client(), 'a')
  expect([...written].sort()).toEqual(many.flatMap((_, writer) => ['0', '1', '2'].map(count => `${writer}.${count}`)).sort())
})

it('a worker that goes leaves nothing held', async () => {
  const [one, two] = [client(), client()]
  await one.create('t', draft('a'))
  const turn = { holdMs: 60_000, known: null, expect: null }
  expect([(await one.begin('t', 'a', { token: 'x', ...turn })).kind, (await two.begin('t', 'a', { token: 'y', ...turn })).kind]).toEqual(['begun', 'held'])
  one.close()
  await expect.poll(async () => (await two.begin('t', 'a', { token: 'y', ...turn })).kind).toBe('begun')
  await expect(one.read('t', 'a', null)).rejects.toThrow()
})

it('a call whose answer is lost while the owner starts anew is made again, and done once', async () => {
  const one = client()
  await one.create('t', draft('a'))
  await owner.stop()
  const waiting = [one.create('t', draft('b', 'of b')), one.change('t', 'a', append('x', 'turn'), '')]
  owner = start()
  expect((await Promise.all(waiting)).map(({ kind }) => kind)).toEqual(['done', 'done'])
  expect([await textsOf(one, 'a'), await textsOf(one, 'b')]).toEqual([['x'], ['of b']])
  expect(problems).toEqual([])
})

it('says that it cannot be written', async () => {
  const one = client()
  await one.create('t', draft('a'))
  await expect(one.change('t', 'a', { expect: null, turn: '', metadata: null as unknown as string }, '')).rejects.toThrow('contexts: ')
  expect((await one.change('t', 'a', append('x'), '')).kind).toBe('done')
})
