import { describe, expect, it } from 'vitest'
import type { AfterCrash, IdempotencyClaim } from '@headrace/contract'
import { KeyCalls, MemoryIdempotencyStore, type KeyOperation, type KeyResults } from '@headrace/stores'
import { KeyDesk } from './key-desk.ts'

const NOW = Date.UTC(2026, 10, 25, 12)
const NAME = { tenant: 't', id: 'a' }
const claimOf = (token: string, facts: Partial<IdempotencyClaim> = {}): IdempotencyClaim => ({ ...NAME, fingerprint: 'f', owner: 'alive', token, until: NOW + 3_600_000, ...facts })
const ANSWER = Buffer.from('x')
const LONG = 60_000
const never = (): AbortSignal => new AbortController().signal
const settled = async (): Promise<void> => { for (let turn = 0; turn < 20; turn++) await null }

/** A desk over a store in memory whose writer answers in a later turn. */
function rig(afterCrash: AfterCrash = 'retry') {
  const store = new MemoryIdempotencyStore()
  const operations: KeyOperation['op'][] = []
  const apply = (operation: KeyOperation): KeyResults[KeyOperation['op']] => {
    operations.push(operation.op)
    switch (operation.op) {
      case 'claim': return store.claim(operation.claim, NOW)
      case 'settle': return store.settle(operation.name, operation.token, operation.answer, operation.until)
      case 'release': return store.release(operation.name, operation.token)
      case 'abandon-dead': return store.owners().filter(owner => owner !== 'alive').flatMap(owner => store.abandon(owner, operation.how))
    }
  }
  const keys: KeyCalls = new KeyCalls(({ ticket, operation }) => {
    queueMicrotask(() => keys.hear({ type: 'key', ticket, result: apply(operation) }))
    return true
  })
  return { store, operations, desk: new KeyDesk({ keys, read: (name, now) => store.read(name, now), afterCrash: () => afterCrash, wall: () => NOW }) }
}

describe('the key desk', () => {
  it('gives a key to the first; who comes later waits, asks nothing meanwhile, and gets the answer', async () => {
    const { desk, operations } = rig()
    expect(await desk.claim(claimOf('1'), LONG, never())).toEqual({ state: 'won', answer: null })
    const others = [desk.claim(claimOf('2'), LONG, never()), desk.claim(claimOf('3'), LONG, never())]
    await settled()
    expect(desk.waiting).toBe(2)
    expect(operations).toEqual(['claim', 'claim', 'claim'])
    expect(await desk.settle(NAME, '1', ANSWER, NOW + LONG)).toBe(true)
    expect(await Promise.all(others)).toEqual([{ state: 'kept', answer: ANSWER }, { state: 'kept', answer: ANSWER }])
    expect(desk.waiting).toBe(0)
  })

  it('lets exactly one of those who wait run what was released', async () => {
    const { desk } = rig()
    await desk.claim(claimOf('1'), LONG, never())
    const others = [desk.claim(claimOf('2'), LONG, never()), desk.claim(claimOf('3'), LONG, never())]
    await settled()
    await desk.release(NAME, '1')
    expect((await others[0])?.state).toBe('won')
    await settled()
    expect(desk.waiting).toBe(1)
    await desk.settle(NAME, '2', ANSWER, NOW + LONG)
    expect((await others[1])?.state).toBe('kept')
  })

  it.each<[AfterCrash, string]>([['retry', 'won'], ['conflict', 'unknown']])('tells those who wait for a worker that died, by policy (%s): %s', async (how, state) => {
    const { desk } = rig(how)
    await desk.claim(claimOf('1', { owner: 'dead' }), LONG, never())
    const other = desk.claim(claimOf('2'), LONG, never())
    await settled()
    await desk.abandonDead()
    expect((await other).state).toBe(state)
  })

  it('says how the key stands when the time to wait is over', async () => {
    const { desk } = rig()
    await desk.claim(claimOf('1'), LONG, never())
    expect((await desk.claim(claimOf('2'), 5, never())).state).toBe('running')
    expect(desk.waiting).toBe(0)
  })

  it('finds the dead when the time to wait is over, too', async () => {
    const { desk } = rig()
    await desk.claim(claimOf('1', { owner: 'dead' }), LONG, never())
    expect((await desk.claim(claimOf('2'), 5, never())).state).toBe('won')
  })

  it('leaves no claim to somebody who left while asking', async () => {
    const { desk } = rig()
    const leaving = new AbortController()
    const asked = desk.claim(claimOf('1'), LONG, leaving.signal)
    leaving.abort()
    await asked
    expect((await desk.claim(claimOf('2'), LONG, never())).state).toBe('won')
  })

  it('does not wait for somebody who leaves', async () => {
    const { desk } = rig()
    await desk.claim(claimOf('1'), LONG, never())
    const leaving = new AbortController()
    const other = desk.claim(claimOf('2'), LONG, leaving.signal)
    await settled()
    leaving.abort()
    await other
    expect(desk.waiting).toBe(0)
  })

  it('fails where the keys cannot be written', async () => {
    const keys = new KeyCalls(() => false)
    const desk = new KeyDesk({ keys, read: () => null, afterCrash: () => 'retry', wall: () => NOW })
    await expect(desk.claim(claimOf('1'), LONG, never())).rejects.toThrow('started again')
    expect(desk.waiting).toBe(0)
  })
})
