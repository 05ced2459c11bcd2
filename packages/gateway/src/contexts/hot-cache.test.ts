import { expect, it } from 'vitest'
import { HotCache } from './hot-cache.ts'

const KIB = 1_024

it('keeps what was used last, within its bytes', () => {
  const cache = new HotCache<string>(() => 4 * KIB)
  for (const key of ['a', 'b', 'c']) cache.put(key, key, 500)
  expect(cache.get('a')).toBe('a')
  for (const key of ['d', 'e']) cache.put(key, key, 500)
  expect(['a', 'b', 'c', 'd', 'e'].map(key => cache.get(key))).toEqual(['a', null, 'c', 'd', 'e'])
  expect(cache.bytes).toBeLessThanOrEqual(4 * KIB)
})

it('counts an entry once, however often it is put, and takes none that is larger than all of it', () => {
  const cache = new HotCache<string>(() => 4 * KIB)
  for (let count = 0; count < 9; count++) cache.put('a', `${count}`, KIB)
  const { bytes } = cache
  cache.put('b', 'b', 4 * KIB)
  expect([cache.get('a'), cache.get('b'), cache.bytes]).toEqual(['8', null, bytes])
  cache.put('a', 'large', 4 * KIB)
  expect([cache.get('a'), cache.bytes]).toEqual([null, 0])
})
