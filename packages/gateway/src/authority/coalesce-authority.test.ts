import { expect, it } from 'vitest'
import type { CoalesceToWorker } from '@headrace/contract'
import { CoalesceAuthority } from './coalesce-authority.ts'

function rig() {
  const told: [number, CoalesceToWorker][] = []
  const authority = new CoalesceAuthority((worker, message) => told.push([worker, message]))
  authority.workerCame(1)
  authority.workerCame(2)
  let ticket = 0
  return {
    authority, told,
    ask(worker: number, key: string, refusedBy = ''): string | undefined {
      authority.receive(worker, { type: 'coalesce', socket: `s${worker}`, asks: [{ ticket: ++ticket, key, refusedBy }], over: [] })
      const [to, message] = told.at(-1) ?? []
      expect([to, message?.answers.map(answer => answer.ticket)]).toEqual([worker, [ticket]])
      return message?.answers[0]?.leader
    },
    over: (worker: number, key: string) => authority.receive(worker, { type: 'coalesce', socket: `s${worker}`, asks: [], over: [key] }),
  }
}

it('the first leads, all others are sent to it, until it is over', () => {
  const { ask, over } = rig()
  expect([ask(1, 'a'), ask(2, 'a'), ask(2, 'b'), ask(1, 'b')]).toEqual(['', 's1', '', 's2'])
  over(1, 'a')
  expect([ask(2, 'a'), ask(1, 'a')]).toEqual(['', 's2'])
})

it('a worker leads what it has led before; only who leads can end it', () => {
  const { ask, over } = rig()
  expect([ask(1, 'a'), ask(1, 'a')]).toEqual(['', ''])
  over(2, 'a')
  expect(ask(2, 'a')).toBe('s1')
})

it('who was sent in vain leads; the one before ends nothing any more', () => {
  const { ask, over } = rig()
  ask(1, 'a')
  expect([ask(2, 'a'), ask(2, 'a', 's1')]).toEqual(['s1', ''])
  over(1, 'a')
  expect(ask(1, 'a')).toBe('s2')
  expect(ask(1, 'a', 's7')).toBe('s2')
})

it('what a dead worker ran is free, and nothing of it stays', () => {
  const { ask, authority } = rig()
  for (const key of ['a', 'b', 'c']) ask(1, key)
  ask(2, 'd')
  authority.workerGone(1)
  expect(authority.size).toBe(1)
  expect(ask(2, 'a')).toBe('')
})

it('tells how many workers there are whenever it changes, and with every answer', () => {
  const { ask, authority, told } = rig()
  ask(1, 'a')
  expect(told.at(-1)?.[1].workers).toBe(2)
  authority.workerGone(2)
  expect(told.at(-1)).toEqual([1, { type: 'coalesce', workers: 1, answers: [] }])
})
