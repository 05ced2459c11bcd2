import { afterEach, describe, expect, it } from 'vitest'
import { Pulse } from './pulse.ts'

let pulse: Pulse | null = null
afterEach(() => pulse?.stop())

/** A pulse whose clock the test moves: `pass(ms)` goes in steps of half a second, as the timer does. */
function watched() {
  let now = 0
  const told = { asked: 0, hung: 0 }
  const made = pulse = new Pulse({ ask: () => { told.asked++ }, onHung: () => { told.hung++ }, now: () => now })
  return { told, beat: () => made.beat(), pass: (ms: number) => { for (let at = 0; at < ms; at += 500) { now += 500; made.look() } }, jump: (ms: number) => { now += ms; made.look() } }
}

describe('the pulse of a worker', () => {
  it('asks for a sign of life and calls three silent seconds a hang', () => {
    const { told, pass } = watched()
    pass(2_500)
    expect(told).toEqual({ asked: 5, hung: 0 })
    pass(500)
    expect(told).toEqual({ asked: 5, hung: 1 })
  })

  it('starts anew with each answer', () => {
    const { told, pass, beat } = watched()
    for (let answered = 0; answered < 10; answered++) {
      pass(2_000)
      beat()
    }
    expect(told.hung).toBe(0)
  })

  it('does not take its own sleep for the silence of others', () => {
    const { told, jump } = watched()
    jump(3_600_000)
    expect(told).toEqual({ asked: 1, hung: 0 })
  })
})
