import { expect, it } from 'vitest'
import { Starvation } from './starvation.ts'

it.each([
  ['it slept', ['5000 100 3', '5000 100 3'], false],
  ['it ran all the time', ['5000 100 3', '160005000 100 40'], false],
  ['it waited for a core for a tenth of the time', ['5000 100 3', '5000 16000100 40'], false],
  ['it waited for a core for most of the time', ['5000 100 3', '40005000 120000100 40'], true],
  ['the kernel keeps no such account', ['0 0 0', '0 0 0'], true],
  ['there is no such file', [null, null], true],
  ['it says something else', ['no', 'idea'], true],
])('%s', (_, files, starved) => {
  const left = [...files]
  const starvation = new Starvation(() => {
    const file = left.shift()
    if (file === null || file === undefined) throw new Error('ENOENT')
    return file
  }, 1_000)
  expect(starvation.look(1_160)).toBe(starved)
})

it('each look judges the time since the one before', () => {
  const left = ['1 0 1', '1 160000000 1', '1 160000000 1', '1 320000000 1']
  const starvation = new Starvation(() => left.shift() ?? '', 0)
  expect([160, 320, 480].map(now => starvation.look(now))).toEqual([true, false, true])
})
