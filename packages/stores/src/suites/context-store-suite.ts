import { chainHead } from '@headrace/bytes'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONTEXT_NOTES, CONTEXT_VERSIONS, EMPTY_HEAD, etagOf, type ContextChange, type ContextDraft, type ContextOutcome, type ContextReading, type ContextState, type ContextStore, type StoredItem } from '@headrace/contract'

const NOW = Date.UTC(2026, 10, 26, 12)
const HOUR = 3_600_000

const item = (text: string): StoredItem => ({ bytes: Buffer.from(`{"text":${JSON.stringify(text)}}`), text })
const items = (...texts: string[]): StoredItem[] => texts.map(item)
const draft = (id: string, facts: Partial<ContextDraft> = {}): ContextDraft => ({ id, kind: 'context', ttlMs: null, metadata: '', settings: '', items: [], ...facts })
const change = (facts: Partial<ContextChange> = {}): ContextChange => ({ expect: null, turn: '', ...facts })
const headOf = (...texts: string[]): string => texts.reduce((head, text) => chainHead(head, item(text).bytes), EMPTY_HEAD)
const textsOf = (reading: ContextReading | null): string[] => (reading?.items ?? []).map(({ bytes }) => String((JSON.parse(bytes.toString()) as { text: string }).text))

function stateOf(outcome: ContextOutcome): ContextState {
  if (outcome.kind !== 'done') throw new Error(outcome.kind)
  return outcome.state
}

/** What every `ContextStore` does. `make` gives an empty one. */
export function contextStoreSuite(name: string, make: () => ContextStore): void {
  describe(`${name} as a context store`, () => {
    let store: ContextStore
    beforeEach(() => { store = make() })
    afterEach(() => store.close())
    const made = async (id: string, ...texts: string[]): Promise<ContextState> => stateOf(await store.create('t', draft(id, { items: items(...texts) }), NOW))
    const changed = (id: string, facts: Partial<ContextChange>, now = NOW): Promise<ContextOutcome> => store.change('t', id, change(facts), now)
    const readAll = async (id: string): Promise<string[]> => textsOf(await store.read('t', id, null, NOW))

    it('gives back what was created, with the heads of its chain', async () => {
      const state = stateOf(await store.create('t', draft('a', { kind: 'thread', ttlMs: HOUR, metadata: '{"a":1}', settings: '{"model":"m"}', items: items('one', 'two') }), NOW))
      expect(state).toEqual({
        id: 'a', kind: 'thread', version: 1, turn: '', seq: 2, head: headOf('one', 'two'), bytes: 28, createdAt: NOW, updatedAt: NOW, expiresAt: NOW + HOUR, metadata: '{"a":1}', settings: '{"model":"m"}',
      })
      expect(await store.read('t', 'a', null, NOW)).toEqual({
        state, from: 0, items: [{ seq: 1, head: headOf('one'), bytes: item('one').bytes }, { seq: 2, head: headOf('one', 'two'), bytes: item('two').bytes }],
      })
      expect([await store.state('t', 'a', NOW), await store.state('t', 'a', NOW + HOUR), await store.state('other', 'a', NOW)]).toEqual([state, null, null])
      expect(await store.create('t', draft('a'), NOW)).toEqual({ kind: 'exists' })
    })

    it('an empty context has the empty head', async () => {
      expect(await made('a')).toMatchObject({ seq: 0, head: EMPTY_HEAD, bytes: 0 })
      expect(await readAll('a')).toEqual([])
    })

    it('keeps bytes as they are: key order, number lexemes, and text in whatever normalisation', async () => {
      const bytes = Buffer.from('{"b":1.0,"a":1e400,"text":"e\u0301 \u00e9"}')
      await store.create('t', draft('a', { items: [{ bytes, text: '' }] }), NOW)
      expect((await store.read('t', 'a', null, NOW))?.items[0]?.bytes.equals(bytes)).toBe(true)
    })

    it('appends at the end, and counts versions', async () => {
      await made('a', 'one')
      expect(stateOf(await changed('a', { append: items('two', 'three') }))).toMatchObject({ version: 2, seq: 3, head: headOf('one', 'two', 'three') })
      expect(await readAll('a')).toEqual(['one', 'two', 'three'])
    })

    it('gives the items that a reader has not seen, and all of them to one that has seen others', async () => {
      const { seq, head } = await made('a', 'one', 'two')
      await changed('a', { append: items('three') })
      const reading = await store.read('t', 'a', { seq, head }, NOW)
      expect([reading?.from, textsOf(reading)]).toEqual([2, ['three']])
      for (const known of [{ seq: 2, head: headOf('one', 'other') }, { seq: 9, head }, { seq: 0, head: EMPTY_HEAD }, { seq: 1, head }]) {
        const all = await store.read('t', 'a', known, NOW)
        expect([all?.from, textsOf(all)]).toEqual([0, ['one', 'two', 'three']])
      }
    })

    it.each<[string, (first: ContextState) => ContextChange['expect']]>([
      ['version', state => ({ etag: etagOf(state) })], ['place', ({ seq, head }) => ({ place: { seq, head } })], ['both', state => ({ etag: etagOf(state), place: { seq: state.seq, head: state.head } })],
    ])('refuses a stale write by %s, changes nothing, and says what was missed', async (_, expected) => {
      const first = await made('a', 'one')
      await changed('a', { append: items('two') })
      const outcome = await changed('a', { expect: expected(first), append: items('mine') })
      expect(outcome).toMatchObject({ kind: 'stale', reading: { state: { version: 2, seq: 2 } } })
      if (outcome.kind === 'stale') expect([outcome.reading.from, textsOf(outcome.reading)]).toEqual([1, ['two']])
      expect(await readAll('a')).toEqual(['one', 'two'])
      const now = stateOf(await changed('a', {}))
      expect(stateOf(await changed('a', { expect: expected(now), append: items('mine') })).seq).toBe(3)
    })

    it('a change of metadata moves the version and not the head: who expects only a place does not mind', async () => {
      const first = await made('a', 'one')
      expect(stateOf(await changed('a', { metadata: '{"x":1}', settings: '{"y":2}' }))).toMatchObject({ version: 2, head: first.head, metadata: '{"x":1}', settings: '{"y":2}' })
      expect((await changed('a', { expect: { etag: '"1-"' }, metadata: '' })).kind).toBe('stale')
      expect((await changed('a', { expect: { place: { seq: first.seq, head: first.head } }, append: items('two') })).kind).toBe('done')
    })

    it('of many who write at the same time against the same version one wins', async () => {
      const etag = etagOf(await made('a'))
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => changed('a', { expect: { etag }, append: items(`${index}`) })))
      expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(1)
      expect(outcomes.filter(({ kind }) => kind === 'stale')).toHaveLength(19)
      expect(await readAll('a')).toEqual([`${outcomes.findIndex(({ kind }) => kind === 'done')}`])
    })

    it('names a version so that another change which took its number is another version', async () => {
      await made('a', 'one')
      expect(etagOf(stateOf(await changed('a', { turn: 'x', append: items('two') })))).toBe('"2-x"')
      for (const etag of ['"2-y"', '"2-"', '"3-x"', 'W/"2-x"', 'no etag']) {
        const outcome = await changed('a', { expect: { etag }, append: items('mine') })
        expect(outcome).toMatchObject({ kind: 'stale', reading: { from: 0 } })
      }
      expect((await changed('a', { expect: { etag: '"2-x"' }, append: items('mine') })).kind).toBe('done')
    })

    it('knows what was missed since one of the last versions', async () => {
      await made('a', 'one')
      for (let count = 0; count < CONTEXT_VERSIONS; count++) await changed('a', { turn: `${count}`, append: items(`${count}`) })
      const missed = async (etag: string): Promise<number> => {
        const outcome = await changed('a', { expect: { etag } })
        return outcome.kind === 'stale' ? outcome.reading.from : -1
      }
      expect((await store.read('t', 'a', { etag: '"2-0"' }, NOW))?.from).toBe(2)
      expect([await missed('"1-"'), await missed('"2-0"'), await missed(`"${CONTEXT_VERSIONS}-${CONTEXT_VERSIONS - 2}"`)]).toEqual([1, 2, CONTEXT_VERSIONS])
      await changed('a', { turn: 'back', rewindTo: 1 })
      expect([await missed('"2-0"'), await missed('"1-"')]).toEqual([0, 0])
    })

    it('does not make the same turn twice', async () => {
      await made('a')
      const first = stateOf(await changed('a', { turn: 'x', expect: { etag: '"1-"' }, append: items('one') }))
      expect(stateOf(await changed('a', { turn: 'x', expect: { etag: '"1-"' }, append: items('one') }))).toEqual(first)
      expect(stateOf(await changed('a', { turn: 'y', append: items('two') })).seq).toBe(2)
      expect(stateOf(await changed('a', { turn: 'x', append: items('one') }))).toMatchObject({ version: 2, turn: 'x', seq: 1, head: headOf('one') })
      expect(await readAll('a')).toEqual(['one', 'two'])
    })

    it('tells what the change of a name made, and nothing of a change without one or in another tenant', async () => {
      await made('a')
      const first = stateOf(await changed('a', { turn: 'x', append: items('one') }))
      expect(await store.made('t', 'a', 'x', NOW)).toEqual(first)
      await changed('a', { turn: 'y', append: items('two') })
      expect(await store.made('t', 'a', 'x', NOW)).toMatchObject({ version: first.version, turn: 'x', seq: 1, head: first.head })
      expect([await store.made('t', 'a', 'z', NOW), await store.made('t', 'a', '', NOW), await store.made('u', 'a', 'x', NOW), await store.made('t', 'b', 'x', NOW)]).toEqual([null, null, null, null])
    })

    it('keeps notes beside what was said, each with a version of its own', async () => {
      await made('a', 'one')
      expect(await changed('a', { note: { name: 'plan', value: '{"b":1.0,"a":2}', expect: 0 } })).toMatchObject({ kind: 'done', state: { version: 2, seq: 1 } })
      await changed('a', { note: { name: 'facts', value: '[]', expect: null } }, NOW + 1)
      expect(await store.notes('t', 'a', NOW)).toEqual([{ name: 'facts', version: 3, value: '[]', updatedAt: NOW + 1 }, { name: 'plan', version: 2, value: '{"b":1.0,"a":2}', updatedAt: NOW }])
      const there = { name: 'plan', version: 2, value: '{"b":1.0,"a":2}', updatedAt: NOW }
      expect(await changed('a', { note: { name: 'plan', value: '1', expect: 0 } })).toEqual({ kind: 'other-note', note: there })
      expect(await changed('a', { note: { name: 'none', value: '1', expect: 2 } })).toEqual({ kind: 'other-note', note: null })
      expect(stateOf(await changed('a', { note: { name: 'plan', value: '1', expect: 2 } })).version).toBe(4)
      await changed('a', { note: { name: 'facts', value: '', expect: 3 } })
      expect(await store.notes('t', 'a', NOW)).toEqual([{ name: 'plan', version: 4, value: '1', updatedAt: NOW }])
      expect([await store.notes('other', 'a', NOW), await store.notes('t', 'b', NOW)]).toEqual([[], []])
    })

    it('gives a fork the notes of its origin, which part ways then; a note that is not taken changes nothing else', async () => {
      await made('a', 'one')
      await changed('a', { note: { name: 'n', value: '1', expect: null } })
      await store.fork('t', 'a', null, draft('b'), NOW)
      await changed('a', { note: { name: 'n', value: '2', expect: null }, rewindTo: 0 })
      expect([(await store.notes('t', 'a', NOW))[0]?.value, await store.notes('t', 'b', NOW)]).toEqual(['2', [{ name: 'n', version: 1, value: '1', updatedAt: NOW }]])
      await changed('b', { append: items('two'), note: { name: 'n', value: '3', expect: 9 } })
      expect(await readAll('b')).toEqual(['one'])
      await store.remove('t', 'a')
      expect((await store.notes('t', 'b', NOW)).length).toBe(1)
    })

    it('holds so many notes', async () => {
      await made('a')
      for (let count = 0; count < CONTEXT_NOTES; count++) await changed('a', { note: { name: `${count}`, value: '0', expect: null } })
      expect(await changed('a', { note: { name: 'more', value: '0', expect: null } })).toEqual({ kind: 'full' })
      expect((await changed('a', { note: { name: '7', value: '1', expect: null } })).kind).toBe('done')
    })

    it('goes back, and on from there', async () => {
      await made('a', 'one', 'two', 'three')
      expect(stateOf(await changed('a', { rewindTo: 1 }))).toMatchObject({ version: 2, seq: 1, head: headOf('one') })
      expect(stateOf(await changed('a', { append: items('zwei') })).head).toBe(headOf('one', 'zwei'))
      expect(stateOf(await changed('a', { rewindTo: 1, append: items('two') })).head).toBe(headOf('one', 'two'))
      expect(await readAll('a')).toEqual(['one', 'two'])
      expect(await changed('a', { rewindTo: 3 })).toEqual({ kind: 'no-such-place' })
      expect(stateOf(await changed('a', { rewindTo: 0 })).head).toBe(EMPTY_HEAD)
      expect(await readAll('a')).toEqual([])
    })

    it('forks, and each goes its own way', async () => {
      await made('a', 'one', 'two')
      expect(stateOf(await store.fork('t', 'a', null, draft('b'), NOW))).toMatchObject({ id: 'b', version: 1, seq: 2, head: headOf('one', 'two') })
      expect(stateOf(await store.fork('t', 'a', 1, draft('c', { items: items('three') }), NOW)).head).toBe(headOf('one', 'three'))
      await changed('a', { append: items('of a') })
      await changed('b', { append: items('of b') })
      await changed('c', { append: items('of c') })
      expect([await readAll('a'), await readAll('b'), await readAll('c')]).toEqual([['one', 'two', 'of a'], ['one', 'two', 'of b'], ['one', 'three', 'of c']])
      expect([await store.fork('t', 'a', 4, draft('d'), NOW), await store.fork('t', 'z', null, draft('d'), NOW), await store.fork('t', 'a', null, draft('b'), NOW)].map(({ kind }) => kind)).toEqual(['no-such-place', 'unknown', 'exists'])
    })

    it('what one context loses, others that share it keep', async () => {
      await made('a', 'one', 'two', 'three')
      await made('b', 'one', 'two', 'vier')
      await store.fork('t', 'a', 2, draft('c', { items: items('five') }), NOW)
      await changed('a', { rewindTo: 0 })
      expect([await readAll('b'), await readAll('c')]).toEqual([['one', 'two', 'vier'], ['one', 'two', 'five']])
      expect(await store.remove('t', 'b')).toBe(true)
      expect(await readAll('c')).toEqual(['one', 'two', 'five'])
      await changed('a', { append: items('one', 'two', 'five', 'six') })
      await store.remove('t', 'c')
      expect(await readAll('a')).toEqual(['one', 'two', 'five', 'six'])
    })

    it('comes back to a tag, however far it went back meanwhile', async () => {
      await made('a', 'one')
      await changed('a', { append: items('two'), tag: 'here' })
      await changed('a', { rewindTo: 0, append: items('other') })
      expect(await store.tags('t', 'a', NOW)).toEqual([{ name: 'here', seq: 2, head: headOf('one', 'two') }])
      await changed('a', { tag: 'here' })
      await changed('a', { tag: 'and here' })
      expect(await store.tags('t', 'a', NOW)).toEqual(['and here', 'here'].map(tag => ({ name: tag, seq: 1, head: headOf('other') })))
      expect(await readAll('a')).toEqual(['other'])
    })

    it('tenants neither see nor share anything', async () => {
      await made('a', 'one')
      expect(await store.read('other', 'a', null, NOW)).toBeNull()
      expect([await store.change('other', 'a', change(), NOW), await store.fork('other', 'a', null, draft('b'), NOW)]).toEqual([{ kind: 'unknown' }, { kind: 'unknown' }])
      expect([await store.remove('other', 'a'), await store.tags('other', 'a', NOW), await store.list('other', { kind: 'context', before: null, most: 9 }, NOW), await store.search('other', 'one', 9, NOW)]).toEqual([false, [], [], []])
      await store.create('other', draft('a', { items: items('one', 'two') }), NOW)
      await store.remove('t', 'a')
      expect(textsOf(await store.read('other', 'a', null, NOW))).toEqual(['one', 'two'])
    })

    it('a context whose time is over is unknown, its id is free, and it goes', async () => {
      await store.create('t', draft('a', { ttlMs: HOUR }), NOW)
      await store.create('t', draft('b', { ttlMs: HOUR, items: items('old') }), NOW)
      await changed('a', { append: items('one') }, NOW + HOUR - 1)
      expect([(await store.read('t', 'a', null, NOW + HOUR))?.state.seq, await store.read('t', 'b', null, NOW + HOUR)]).toEqual([1, null])
      expect((await changed('b', {}, NOW + HOUR)).kind).toBe('unknown')
      expect(stateOf(await store.create('t', draft('b', { items: items('new') }), NOW + HOUR)).version).toBe(1)
      expect(stateOf(await changed('a', { ttlMs: null }, NOW + HOUR)).expiresAt).toBeNull()
      await store.create('t', draft('c', { ttlMs: HOUR, items: items('gone') }), NOW)
      await store.create('t', draft('d', { ttlMs: HOUR }), NOW)
      expect([await store.prune(NOW + HOUR - 1, 9), await store.prune(NOW + HOUR, 1), await store.prune(NOW + HOUR, 9), await store.prune(NOW + HOUR, 9)]).toEqual([0, 1, 1, 0])
      expect(await readAll('a')).toEqual(['one'])
    })

    it('lists newest first, page by page, each kind by itself', async () => {
      for (const id of ['a', 'b', 'c', 'd']) await made(id)
      await store.create('t', draft('r', { kind: 'response' }), NOW)
      const page = async (before: string | null): Promise<string[]> => (await store.list('t', { kind: 'context', before, most: 2 }, NOW)).map(({ id }) => id)
      expect([await page(null), await page('c'), await page('a')]).toEqual([['d', 'c'], ['b', 'a'], []])
    })

    it('finds items by their words, wherever they are shared', async () => {
      await made('a', 'the quick brown fox', 'jumps')
      await store.fork('t', 'a', 1, draft('b', { items: items('sleeps, "quick" or not') }), NOW)
      const found = async (words: string): Promise<string[]> => (await store.search('t', words, 9, NOW)).map(({ id, seq }) => `${id}${seq}`).sort()
      expect([await found('quick fox'), await found('jumps'), await found('SLEEPS'), await found('"quick'), await found('cat'), await found('  '), await found('fox OR cat'), await found('" *')]).toEqual([['a1', 'b1'], ['a2'], ['b2'], ['a1', 'b1', 'b2'], [], [], [], []])
      expect((await store.search('t', 'fox', 9, NOW))[0]?.excerpt).toContain('brown')
      await store.remove('t', 'a')
      expect([await found('fox'), await found('jumps')]).toEqual([['b1'], []])
    })
  })
}
