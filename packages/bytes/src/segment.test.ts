import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { decodeBatch, encodeBatch, findBatch, INTENT_FIELDS, readBatch, segmentText } from './segment.ts'

const line = (id: string): string => `["i","${id}",1,${INTENT_FIELDS.map(() => '0').join(',')}]\n`
const ids = (buffer: Buffer): unknown[] => {
  const found: unknown[] = []
  let at = 0
  while (at !== -1 && at < buffer.length) {
    const read = readBatch(buffer, at)
    if (read.kind === 'batch') {
      for (const record of decodeBatch(buffer, read.start, read.end) ?? []) found.push(record[1])
      at = read.end
    } else at = findBatch(buffer, at + 1)
  }
  return found
}
const BATCHES = [encodeBatch(line('a') + line('b')), encodeBatch(line('c')), encodeBatch(line('d') + line('e'))]
const FILE = Buffer.concat(BATCHES)

describe('a segment', () => {
  it('gives back what was written', () => {
    expect(ids(FILE)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('cut at any byte keeps every batch before the cut and nothing of the torn one', () => {
    const first = BATCHES[0]?.length ?? 0
    const second = first + (BATCHES[1]?.length ?? 0)
    for (let cut = 0; cut < FILE.length; cut++) {
      expect(ids(FILE.subarray(0, cut))).toEqual(cut < first ? [] : cut < second ? ['a', 'b'] : ['a', 'b', 'c'])
    }
  })

  it('with any flipped byte loses that batch and no other, and never shows a wrong record', () => {
    const bounds = BATCHES.map((_, index) => BATCHES.slice(0, index + 1).reduce((sum, batch) => sum + batch.length, 0))
    const content = [['a', 'b'], ['c'], ['d', 'e']]
    for (let at = 0; at < FILE.length; at++) {
      for (const bit of [1, 2, 0x20, 0x80]) {
        const bad = Buffer.from(FILE)
        bad[at] = (bad[at] ?? 0) ^ bit
        const hit = bounds.findIndex(bound => at < bound)
        expect(ids(bad)).toEqual(content.filter((_, index) => index !== hit).flat())
      }
    }
  })

  it('is never read wrongly or thrown at by random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => { expect(ids(Buffer.from(bytes))).toEqual([]) }), { numRuns: 500 })
  })

  it('of another version is named as such, not misread', () => {
    const other = Buffer.from(FILE)
    other[1] = 0x33
    expect(readBatch(other, 0)).toEqual({ kind: 'unknown-version', version: 3 })
    expect(readBatch(Buffer.from('#17 x'), 0)).toEqual({ kind: 'unknown-version', version: 17 })
  })

  it('says how many bytes an incomplete batch needs', () => {
    expect(readBatch(FILE.subarray(0, 30), 0)).toEqual({ kind: 'incomplete', needed: BATCHES[0]?.length })
  })

  it('refuses a sound batch whose records have other fields than this version writes', () => {
    const batch = encodeBatch('["i","a"]\n')
    expect(decodeBatch(batch, 21, batch.length)).toBeNull()
  })
})

describe('segmentText', () => {
  it('round-trips any text through latin1', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), text => {
      const literal = segmentText(text)
      expect(JSON.parse(Buffer.from(literal, 'latin1').toString('latin1'))).toBe(text)
      expect(literal).not.toContain('\n')
    }))
  })
})
