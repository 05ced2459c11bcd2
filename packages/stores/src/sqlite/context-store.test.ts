import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import type { ContextStore, StoredItem } from '@headrace/contract'
import { MemoryContextStore } from '../memory/context-store.ts'
import { SqliteContextStore } from './context-store.ts'

const directory = mkdtempSync(join(tmpdir(), 'headrace-contexts-'))
afterAll(() => rmSync(directory, { recursive: true }))
let count = 0
const fresh = (): string => join(directory, `${++count}`, 'contexts.db')

const item = (text: string): StoredItem => ({ bytes: Buffer.from(text), text })
const draft = (id: string, texts: readonly string[] = []) => ({ id, kind: 'context' as const, ttlMs: null, metadata: '', settings: '', items: texts.map(item) })
const rowsOf = (path: string): number[] => {
  const database = new DatabaseSync(path, { readOnly: true })
  const counts = ['node', 'segment', 'node_text', 'tag'].map(table => Number(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.['count']))
  database.close()
  return counts
}

it('keeps identical beginnings once, whether forked or told again', async () => {
  const path = fresh()
  const store = new SqliteContextStore(path)
  await store.create('t', draft('a', ['system', 'hello', 'of a']), 0)
  await store.create('t', draft('b', ['system', 'hello', 'of b']), 0)
  await store.fork('t', 'a', 2, draft('c', ['of a', 'and on']), 0)
  expect(rowsOf(path)).toEqual([5, 2, 5, 0])
  await store.create('other', draft('a', ['system']), 0)
  expect(rowsOf(path)[0]).toBe(6)
  await store.close()
})

const filesOf = (path: string): string => readdirSync(join(path, '..')).map(name => readFileSync(join(path, '..', name)).latin1Slice()).join('')

it('of what is removed nothing is left in its files, while they are in use', async () => {
  const path = fresh()
  const store = new SqliteContextStore(path)
  await store.create('t', draft('a', ['stays', 'xyzzy '.repeat(500)]), 0)
  await store.create('t', draft('b', ['stays']), 0)
  await store.change('t', 'a', { expect: null, turn: '', tag: 'keep' }, 0)
  await store.change('t', 'a', { expect: null, turn: '', rewindTo: 0 }, 0)
  expect(rowsOf(path)).toEqual([2, 1, 2, 1])
  expect(filesOf(path)).toContain('xyzzy')
  await store.remove('t', 'a')
  expect(rowsOf(path)).toEqual([1, 1, 1, 0])
  expect([filesOf(path).includes('xyzzy'), filesOf(path).includes('stays')]).toEqual([false, true])
  await store.close()
})

it('neither is of what ran out', async () => {
  const path = fresh()
  const store = new SqliteContextStore(path)
  await store.create('t', { ...draft('a', ['xyzzy '.repeat(500)]), ttlMs: 10 }, 0)
  await store.create('t', draft('b', ['stays']), 0)
  expect(await store.prune(11, 10)).toBe(1)
  expect([filesOf(path).includes('xyzzy'), filesOf(path).includes('stays')]).toEqual([false, true])
  await store.close()
})

it('a removal does not wait for somebody who reads the file; what it left goes with the next one', async () => {
  const path = fresh()
  const store = new SqliteContextStore(path)
  await store.create('t', draft('a', ['xyzzy '.repeat(500)]), 0)
  await store.create('t', draft('b', ['plugh']), 0)
  const reader = new DatabaseSync(path, { readOnly: true })
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM node').get()
  const begun = performance.now()
  expect(await store.remove('t', 'a')).toBe(true)
  expect(performance.now() - begun).toBeLessThan(4_000)
  reader.close()
  await store.remove('t', 'b')
  expect(filesOf(path)).not.toMatch(/xyzzy|plugh/)
  await store.close()
})

it('outlives its process, and all that was asked in one turn shares one wait for the disk', async () => {
  const path = fresh()
  const store = new SqliteContextStore(path)
  await Promise.all(Array.from({ length: 100 }, (_, index) => store.create('t', draft(`${index}`, [`item ${index}`]), 0)))
  await store.close()
  const again = new SqliteContextStore(path)
  expect((await again.read('t', '42', null, 0))?.items[0]?.bytes.toString()).toBe('item 42')
  await again.close()
})

const ids = fc.constantFrom('a', 'b', 'c')
const texts = fc.array(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 })
const operation = fc.oneof(
  fc.record({ op: fc.constant('create' as const), id: ids, texts }),
  fc.record({ op: fc.constant('change' as const), id: ids, texts, rewindTo: fc.option(fc.nat(6)), tag: fc.option(fc.constantFrom('p', 'q')) }),
  fc.record({ op: fc.constant('fork' as const), id: ids, to: ids, seq: fc.option(fc.nat(6)), texts }),
  fc.record({ op: fc.constant('remove' as const), id: ids }),
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

async function apply(store: ContextStore, asked: Operation): Promise<unknown> {
  switch (asked.op) {
    case 'create': return store.create('t', draft(asked.id, asked.texts), 0)
    case 'fork': return store.fork('t', asked.id, asked.seq, draft(asked.to, asked.texts), 0)
    case 'remove': return store.remove('t', asked.id)
    case 'change': return store.change('t', asked.id, { expect: null, turn: '', append: asked.texts.map(item), ...(asked.rewindTo === null ? {} : { rewindTo: asked.rewindTo }), ...(asked.tag === null ? {} : { tag: asked.tag }) }, 0)
  }
}

it('does whatever the store in memory does, in any order, and keeps nothing that no context needs', async () => {
  const path = fresh()
  const store = new SqliteContextStore(path)
  await fc.assert(fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async operations => {
    const model = new MemoryContextStore()
    for (const each of operations) expect(await apply(store, each)).toEqual(await apply(model, each))
    const needed = new Set<string>()
    for (const id of ['a', 'b', 'c']) {
      const expected = await model.read('t', id, null, 0)
      expect(await store.read('t', id, null, 0)).toEqual(expected)
      expect(await store.tags('t', id, 0)).toEqual(await model.tags('t', id, 0))
      for (const { head } of expected?.items ?? []) needed.add(head)
    }
    expect(rowsOf(path)[0]).toBeGreaterThanOrEqual(needed.size)
    for (const id of ['a', 'b', 'c']) await store.remove('t', id)
    expect(rowsOf(path)).toEqual([0, 0, 0, 0])
  }), { numRuns: 60 })
  await store.close()
})
