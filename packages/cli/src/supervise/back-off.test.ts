import { expect, test } from 'vitest'
import { BackOff } from './back-off.ts'

test('five deaths in a minute are answered at once, then the waits double up to ten seconds', () => {
  const backOff = new BackOff(() => 0)
  expect(Array.from({ length: 14 }, () => backOff.next())).toEqual([0, 0, 0, 0, 0, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000])
})

test('deaths are forgotten after a minute', () => {
  let now = 0
  const backOff = new BackOff(() => now)
  for (let death = 0; death < 10; death++) backOff.next()
  now = 60_000
  expect(backOff.next()).toBe(0)
})
