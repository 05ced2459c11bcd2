import { afterEach, expect, it, vi } from 'vitest'
import { ProblemList } from './problem-list.ts'

afterEach(() => void vi.useRealTimers())

it('says and keeps each problem, the same one at most every 10 s, and the last twenty', () => {
  vi.useFakeTimers({ now: 1_000_000 })
  const said: string[] = []
  const problems = new ProblemList(text => said.push(text))
  for (const [text, passedMs] of [['disk', 0], ['disk', 5_000], ['other', 0], ['disk', 4_999], ['disk', 1], ['disk', -3_600_000]] as const) {
    vi.setSystemTime(Date.now() + passedMs)
    problems.add(text)
  }
  expect(said).toEqual(['disk', 'other', 'disk', 'disk'])
  expect(problems.list().map(({ text }) => text)).toEqual(said)
  for (let index = 0; index < 30; index++) problems.add(`p${index}`)
  expect(problems.list().map(({ text }) => text)).toEqual(Array.from({ length: 20 }, (_, index) => `p${index + 10}`))
})
