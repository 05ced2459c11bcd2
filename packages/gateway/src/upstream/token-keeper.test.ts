import { expect, it } from 'vitest'
import { failure, gatewayError, success, type Result } from '@headrace/contract'
import { TokenKeeper } from './token-keeper.ts'
import type { IssuedToken } from './token-source.ts'

/** A keeper whose clock and source are the test's. */
class Desk {
  now = 0
  readonly waiting: ((issued: Result<IssuedToken>) => void)[] = []
  readonly keeper = new TokenKeeper({ now: () => this.now, source: () => new Promise(resolve => this.waiting.push(resolve)) })

  async issue(token: string, lifeMs = 3_600_000): Promise<void> {
    this.waiting.shift()?.(success({ token, lifeMs }))
    await Promise.resolve()
    await Promise.resolve()
  }
}

it('gets one token for all that ask at once, and then has it at hand', async () => {
  const desk = new Desk()
  const asked = [desk.keeper.take(), desk.keeper.take()]
  expect(desk.waiting.length).toBe(1)
  await desk.issue('t1')
  expect(await Promise.all(asked)).toEqual([success('t1'), success('t1')])
  expect(desk.keeper.take()).toBe('t1')
})

it.each([[3_600_000, 3_299_000, 3_301_000], [100_000, 79_000, 81_000]])('of a life of %i ms it gets the next token ahead of the end, and nobody waits', async (life, before, after) => {
  const desk = new Desk()
  void desk.keeper.take()
  await desk.issue('t1', life)
  desk.now = before
  expect(desk.keeper.take()).toBe('t1')
  expect(desk.waiting.length).toBe(0)
  desk.now = after
  expect([desk.keeper.take(), desk.keeper.take()]).toEqual(['t1', 't1'])
  expect(desk.waiting.length).toBe(1)
  await desk.issue('t2', life)
  expect(desk.keeper.take()).toBe('t2')
})

it('keeps a token that still lives while the endpoint fails, tries again after a second, and waits only when it is over', async () => {
  const desk = new Desk()
  void desk.keeper.take()
  await desk.issue('t1', 100_000)
  desk.now = 85_000
  expect(desk.keeper.take()).toBe('t1')
  desk.waiting.shift()?.(failure(gatewayError('upstream-connect', 'down')))
  await Promise.resolve()
  await Promise.resolve()
  expect(desk.keeper.take()).toBe('t1')
  expect(desk.waiting.length).toBe(0)
  desk.now = 86_100
  expect(desk.keeper.take()).toBe('t1')
  expect(desk.waiting.length).toBe(1)
  desk.waiting.shift()?.(failure(gatewayError('upstream-connect', 'down')))
  await Promise.resolve()
  await Promise.resolve()
  desk.now = 100_000
  const asked = desk.keeper.take()
  await desk.issue('t2')
  expect(await asked).toEqual(success('t2'))
})

it('tells those that come within a second of a failure what it was, without asking again', async () => {
  const desk = new Desk()
  const first = desk.keeper.take()
  desk.waiting.shift()?.(failure(gatewayError('upstream-auth', 'no')))
  expect(await first).toMatchObject({ ok: false, error: { kind: 'upstream-auth' } })
  expect(await desk.keeper.take()).toMatchObject({ ok: false, error: { message: 'no' } })
  expect(desk.waiting.length).toBe(0)
})

it('does not use a token again that the provider refused, but the one that came after it', async () => {
  const desk = new Desk()
  void desk.keeper.take()
  await desk.issue('t1')
  desk.keeper.refuse('t1')
  const asked = desk.keeper.take()
  await desk.issue('t2')
  expect(await asked).toEqual(success('t2'))
  desk.keeper.refuse('t1')
  expect(desk.keeper.take()).toBe('t2')
})

it('replaces a token for a provider\'s refusals once in thirty seconds, however many refusals there are', async () => {
  const desk = new Desk()
  void desk.keeper.take()
  await desk.issue('t1')
  desk.keeper.refuse('t1')
  void desk.keeper.take()
  await desk.issue('t2')
  for (let request = 0; request < 100; request++) {
    desk.now += 299
    expect(desk.keeper.take()).toBe('t2')
    desk.keeper.refuse('t2')
  }
  expect(desk.waiting.length).toBe(0)
  desk.now = 30_000
  desk.keeper.refuse('t2')
  void desk.keeper.take()
  expect(desk.waiting.length).toBe(1)
})

it('knows every token that is still good, also those that were replaced, and no more than eight', async () => {
  const desk = new Desk()
  for (let number = 1; number <= 10; number++) {
    void desk.keeper.take()
    await desk.issue(`t${number}`, number === 5 ? 400_000 : 3_600_000)
    desk.keeper.refuse(`t${number}`)
    desk.now += 30_000
  }
  expect(desk.keeper.living).toEqual(['t3', 't4', 't5', 't6', 't7', 't8', 't9', 't10'])
  desk.now = 4 * 30_000 + 400_000
  expect(desk.keeper.living).not.toContain('t5')
  expect(desk.keeper.living).toContain('t4')
})
