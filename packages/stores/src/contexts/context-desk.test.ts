import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ContextChange, ContextOwner, ContextTurn } from '@headrace/contract'
import { MemoryContextStore } from '../memory/context-store.ts'
import { SqliteContextStore } from '../sqlite/context-store.ts'
import { ContextDesk } from './context-desk.ts'

const LONG = 60_000
const change = (text: string, facts: Partial<ContextChange> = {}): ContextChange => ({ expect: null, turn: '', append: [{ bytes: Buffer.from(text), text: '' }], ...facts })
const turn = (token: string, facts: Partial<ContextTurn> = {}): ContextTurn => ({ token, holdMs: 1_000, known: null, expect: null, ...facts })

describe('the context desk', () => {
  let now = 0
  let desk: ContextDesk
  let one: ContextOwner & { leave(): void }
  let two: ContextOwner & { leave(): void }
  beforeEach(async () => {
    now = 0
    desk = new ContextDesk({ store: new MemoryContextStore(), wall: () => 1_000, monotonic: () => now })
    one = desk.owner()
    two = desk.owner()
    await one.create('t', { id: 'a', kind: 'context', ttlMs: null, metadata: '', settings: '', items: [] })
  })
  const kinds = async (...outcomes: Promise<{ readonly kind: string }>[]): Promise<string[]> => (await Promise.all(outcomes)).map(({ kind }) => kind)

  it('gives a context to one turn at a time; meanwhile nobody else changes it, and everybody reads it', async () => {
    expect(await kinds(one.begin('t', 'a', turn('x')), two.begin('t', 'a', turn('y')), two.change('t', 'a', change('y'), ''), two.change('t', 'a', change('y'), 'y'))).toEqual(['begun', 'held', 'held', 'held'])
    expect((await two.read('t', 'a', null))?.state.seq).toBe(0)
    expect(await kinds(one.change('t', 'a', change('x'), 'x'), one.begin('t', 'a', turn('x')))).toEqual(['done', 'begun'])
    await two.end('t', 'a', 'y')
    expect(await kinds(two.begin('t', 'a', turn('y')))).toEqual(['held'])
    await one.end('t', 'a', 'x')
    expect(await kinds(two.begin('t', 'a', turn('y')))).toEqual(['begun'])
    expect(await kinds(two.change('t', 'a', change('y'), 'y', true))).toEqual(['done'])
    expect(await kinds(one.begin('t', 'a', turn('x')))).toEqual(['begun'])
  })

  it('tells who asks again for a change that is made that it is, also while another is at work', async () => {
    const first = await one.change('t', 'a', change('x', { turn: 'x' }), '')
    expect(await kinds(two.begin('t', 'a', turn('y')))).toEqual(['begun'])
    expect(await one.change('t', 'a', change('x', { turn: 'x' }), '')).toEqual(first)
    expect(await kinds(one.change('t', 'a', change('z', { turn: 'z' }), ''), one.change('t', 'a', change('x'), ''))).toEqual(['held', 'held'])
    expect((await one.read('t', 'a', null))?.state.seq).toBe(1)
  })

  it('begins a turn after what others had asked to change before', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'headrace-desk-'))
    const store = new SqliteContextStore(join(directory, 'contexts.db'))
    const onFile = new ContextDesk({ store, wall: () => 1_000, monotonic: () => now }).owner()
    await onFile.create('t', { id: 'a', kind: 'context', ttlMs: null, metadata: '', settings: '', items: [] })
    const [changed, begun] = await Promise.all([onFile.change('t', 'a', change('x'), ''), onFile.begin('t', 'a', turn('y'))])
    expect([changed.kind, begun]).toMatchObject(['done', { kind: 'begun', reading: { state: { seq: 1, version: 2 } } }])
    await store.close()
    rmSync(directory, { recursive: true })
  })

  it.each<[string, () => unknown]>([
    ['its time is over', () => { now = 1_000 }],
    ['its worker is gone', () => one.leave()],
  ])('gives it to the next when %s; what the first still writes is refused where it would be lost', async (_, ends) => {
    const begun = await one.begin('t', 'a', turn('x'))
    ends()
    expect(await kinds(two.begin('t', 'a', turn('y')), two.change('t', 'a', change('y'), 'y'))).toEqual(['begun', 'done'])
    await two.end('t', 'a', 'y')
    expect(begun.kind).toBe('begun')
    if (begun.kind === 'begun') expect(await kinds(one.change('t', 'a', change('x', { expect: { place: begun.reading.state } }), 'x'))).toEqual(['stale'])
  })

  it('holds nothing for a turn that expected something else, or of a context that is not there', async () => {
    expect(await kinds(one.begin('t', 'a', turn('x', { expect: { etag: '"7-"' } })), one.begin('t', 'z', turn('x')), one.begin('other', 'a', turn('x')))).toEqual(['stale', 'unknown', 'unknown'])
    expect(desk.held).toBe(0)
    await one.change('t', 'a', change('x'), '')
    expect(await two.begin('t', 'a', turn('y', { expect: { etag: '"1-"' } }))).toMatchObject({ kind: 'stale', reading: { from: 0, items: [{ seq: 1 }] } })
    await one.change('t', 'a', change('y', { turn: 'w' }), '')
    expect(await two.begin('t', 'a', turn('y', { expect: { etag: '"2-"' } }))).toMatchObject({ kind: 'stale', reading: { from: 1, items: [{ seq: 2 }] } })
  })

  it('tells those who wait of the next change, and at once of one that has been', async () => {
    const waits = [two.next('t', 'a', 1, LONG), two.next('t', 'a', 1, LONG)]
    expect(desk.watching).toBe(2)
    await one.change('t', 'a', change('x'), '')
    expect((await Promise.all(waits)).map(state => state?.version)).toEqual([2, 2])
    expect((await two.next('t', 'a', 1, LONG))?.version).toBe(2)
    expect(desk.watching).toBe(0)
  })

  it('ends a wait when its time is over, and when the context goes', async () => {
    expect([await two.next('t', 'a', 1, 1), await two.next('t', 'z', 0, LONG)]).toEqual([null, null])
    const wait = two.next('t', 'a', 1, LONG)
    await one.remove('t', 'a')
    expect(await wait).toBeNull()
    await one.create('t', { id: 'b', kind: 'context', ttlMs: null, metadata: '', settings: '', items: [] })
    const waits = [one.next('t', 'b', 1, LONG), two.next('t', 'b', 1, 50)]
    one.leave()
    expect(await Promise.all(waits)).toEqual([null, null])
    expect(desk.watching).toBe(0)
  })
})
