import { expect, it } from 'vitest'
import { parseBehaviour, type Behaviour } from './behaviour.ts'
import { EngineSlots } from './engine-slots.ts'

function behaviour(name: string): Behaviour {
  const parsed = parseBehaviour(name)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.behaviour
}
const stays = new AbortController().signal

it('a model works on as many calls at a time as its name says, first come, first served; who leaves the line is passed over', async () => {
  const slots = new EngineSlots()
  const model = behaviour('lorem:capacity=1')
  const order: string[] = []
  const leaves = new AbortController()
  const first = await slots.enter(model, stays)
  const gone = slots.enter(model, leaves.signal)
  const second = slots.enter(model, stays).then(leave => { order.push('second'); return leave })
  const third = slots.enter(model, stays).then(leave => { order.push('third'); return leave })
  leaves.abort()
  await expect(gone).rejects.toThrow('left')
  expect(order).toEqual([])
  first()
  const leave = await second
  expect(order).toEqual(['second'])
  leave()
  const last = await third
  last()
  const again = await slots.enter(model, stays)
  again()
  // Another name is another engine, and one without a bound takes everything.
  const open = behaviour('lorem')
  await Promise.all(Array.from({ length: 5 }, () => slots.enter(open, stays)))
})
