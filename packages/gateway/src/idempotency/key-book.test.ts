import { expect, it } from 'vitest'
import { KeyBook } from './key-book.ts'

const NAME = { tenant: 't', id: 'i' }
const answer = (bytes = 1): Buffer => Buffer.alloc(bytes)
const settled = async (): Promise<void> => { for (let turn = 0; turn < 200; turn++) await null }

/** Pauses end when the clock is moved past them. */
class Clock {
  at = 0
  #pauses: { readonly end: number, readonly done: () => void }[] = []
  readonly now = (): number => this.at
  readonly pause = (ms: number, signal?: AbortSignal): Promise<void> => new Promise(done => {
    this.#pauses.push({ end: this.at + ms, done })
    signal?.addEventListener('abort', () => done())
  })

  async pass(ms: number, step = 100): Promise<void> {
    for (const end = this.at + ms; this.at < end;) {
      this.at += step
      for (const one of this.#pauses.splice(0)) {
        if (one.end <= this.at) one.done()
        else this.#pauses.push(one)
      }
      await settled()
    }
  }
}

/** A control process that hears, or does not. */
function rig() {
  const clock = new Clock()
  const state = { hears: true, asked: 0, heard: 0 }
  const hear = async (): Promise<void> => {
    state.asked++
    if (!state.hears) throw new Error('gone')
    state.heard++
  }
  const book = new KeyBook({ claim: () => Promise.reject(new Error('gone')), settle: hear, release: hear, close: () => undefined }, clock)
  return { clock, state, book }
}

it('an answer waits until it is kept, not longer', async () => {
  const { book, state } = rig()
  await book.settle(NAME, 't', answer(), 1)
  expect(state).toMatchObject({ asked: 1, heard: 1 })
})

it('an answer that cannot be kept waits for a while; it is told on until it is heard', async () => {
  const { book, clock, state } = rig()
  state.hears = false
  let free = false
  void book.settle(NAME, 't', answer(), 1).then(() => { free = true })
  await clock.pass(2_900)
  expect(free).toBe(false)
  await clock.pass(200)
  expect(free).toBe(true)
  state.hears = true
  await clock.pass(1_000)
  expect(state.heard).toBe(1)
  const { asked } = state
  await clock.pass(5_000)
  expect(state.asked).toBe(asked)
})

it('a release is told until it is heard, and given up after a minute', async () => {
  const { book, clock, state } = rig()
  state.hears = false
  book.release(NAME, 't')
  await clock.pass(61_000)
  const { asked } = state
  expect(asked).toBeGreaterThan(100)
  state.hears = true
  await clock.pass(5_000)
  expect(state).toMatchObject({ asked, heard: 0 })
})

it('what waits to be told is bounded, in number and in bytes: the rest is not told, and holds nobody up', async () => {
  const { book, clock, state } = rig()
  state.hears = false
  for (let count = 0; count < 64; count++) void book.settle(NAME, 't', answer(2 ** 20), 1)
  await settled()
  expect(state.asked).toBe(64)
  await book.settle(NAME, 't', answer(2 ** 20), 1)
  for (let count = 0; count < 2_000; count++) book.release(NAME, 't')
  await settled()
  expect(state.asked).toBe(1_000)
  book.close()
  await clock.pass(1_000)
  const { asked } = state
  await clock.pass(1_000)
  expect(state.asked).toBe(asked)
})
