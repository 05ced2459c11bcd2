import { describe, expect, it } from 'vitest'
import { checkHistory, type Operation } from './history-checker.ts'

const wrote = (begin: number, end: number, value: string, expected: string | null = null): Operation => ({ did: 'wrote', begin, end, value, expected })
const read = (begin: number, end: number, saw: string): Operation => ({ did: 'read', begin, end, saw })
const refused = (begin: number, end: number, expected: string, saw: string): Operation => ({ did: 'refused', begin, end, expected, saw })
const lost = (begin: number, value: string, expected: string | null = null): Operation => ({ did: 'lost', begin, end: Infinity, value, expected })

describe('a history that can have been', () => {
  it.each<[string, readonly Operation[]]>([
    ['nothing', []],
    ['one after the other', [wrote(0, 1, 'a', ''), read(2, 3, 'a'), wrote(4, 5, 'b', 'a'), read(6, 7, 'b')]],
    ['a read beside a write sees the old value', [wrote(0, 10, 'a'), read(1, 2, '')]],
    ['a read beside a write sees the new value', [wrote(0, 10, 'a'), read(1, 2, 'a')]],
    ['a late writer is refused by what was there meanwhile', [wrote(0, 1, 'a', ''), wrote(2, 9, 'b', 'a'), refused(2, 9, 'a', 'b')]],
    ['a refusal that was overtaken by yet another write', [wrote(0, 1, 'a', ''), refused(0, 9, '', 'a'), wrote(2, 3, 'b', 'a'), read(4, 5, 'b')]],
    ['what was lost was written late', [lost(0, 'x'), read(1, 2, ''), wrote(3, 4, 'a', ''), read(5, 6, 'x')]],
    ['what was lost was never written', [lost(0, 'x', ''), wrote(3, 4, 'a', ''), read(5, 6, 'a')]],
  ])('%s', (_, history) => { expect(checkHistory(history, '')).toBe('linearizable') })
})

describe('a history that cannot have been', () => {
  it.each<[string, readonly Operation[]]>([
    ['a lost update: both writers saw the same', [wrote(0, 5, 'a', ''), wrote(0, 5, 'b', '')]],
    ['a stale write that was taken', [wrote(0, 1, 'a', ''), wrote(2, 3, 'b', 'a'), wrote(4, 5, 'c', 'a')]],
    ['a read that does not see what was written before it began', [wrote(0, 1, 'a', ''), read(2, 3, '')]],
    ['a read that goes back', [wrote(0, 9, 'a'), read(1, 2, 'a'), read(3, 4, '')]],
    ['a refusal without a cause', [wrote(0, 1, 'a', ''), refused(2, 3, 'a', 'a')]],
    ['a refusal by what was over before it began', [wrote(0, 1, 'a', ''), wrote(2, 3, 'b', 'a'), refused(4, 5, '', 'a')]],
    ['a value that nobody wrote', [read(0, 1, 'x')]],
    ['what was lost seen before it was sent', [read(0, 1, 'x'), lost(2, 'x')]],
    ['what was lost seen, gone, and there again', [lost(0, 'x', ''), read(1, 2, 'x'), wrote(3, 4, 'a', 'x'), read(5, 6, 'x')]],
  ])('%s', (_, history) => { expect(checkHistory(history, '')).toBe('not linearizable') })

  it('is told apart among 200 calls, eight at a time', () => {
    const calls: Operation[] = Array.from({ length: 200 }, (_, n) => wrote(n, n + 8, `v${n}`, n === 0 ? '' : `v${n - 1}`))
    expect(checkHistory(calls, '')).toBe('linearizable')
    expect(checkHistory([...calls.slice(0, 199), { ...wrote(199, 207, 'v199', 'v150') }], '')).toBe('not linearizable')
  })
})
