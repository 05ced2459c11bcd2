import { afterEach, describe, expect, it } from 'vitest'
import { Pulse } from './pulse.ts'

let pulse: Pulse | null = null
afterEach(() => pulse?.stop())

/** A pulse that looks when the test says so. */
function watched() {
  const told = { asked: 0, silent: 0, hung: 0 }
  let excused = false
  const made = pulse = new Pulse({ ask: () => { told.asked++ }, excused: () => excused, onSilent: () => { told.silent++ }, onHung: () => { told.hung++ } })
  return { told, made, beat: () => made.beat(), look: (times: number, excuse = false) => { excused = excuse; for (let turn = 0; turn < times; turn++) made.look() } }
}

describe('the pulse of a worker', () => {
  it('calls two unanswered questions a silence and nineteen a hang, once each', () => {
    const { told, look, made } = watched()
    look(2)
    expect([told, made.silent]).toEqual([{ asked: 2, silent: 0, hung: 0 }, false])
    look(1)
    expect([told, made.silent]).toEqual([{ asked: 3, silent: 1, hung: 0 }, true])
    look(16)
    expect(told).toEqual({ asked: 19, silent: 1, hung: 0 })
    look(5)
    expect(told).toEqual({ asked: 19, silent: 1, hung: 1 })
  })

  it('starts anew with each answer, and tells of each silence', () => {
    const { told, look, beat, made } = watched()
    for (let answered = 0; answered < 10; answered++) {
      look(18)
      beat()
    }
    expect([told, made.silent]).toEqual([{ asked: 180, silent: 10, hung: 0 }, false])
  })

  it('is calm while every question is answered before the next', () => {
    const { told, look, beat } = watched()
    for (let answered = 0; answered < 100; answered++) {
      look(1)
      beat()
    }
    expect(told).toEqual({ asked: 100, silent: 0, hung: 0 })
  })

  it('takes an excuse for a silence but not for a hang', () => {
    const { told, look } = watched()
    look(2)
    look(17, true)
    expect(told).toEqual({ asked: 19, silent: 0, hung: 0 })
    look(1, true)
    expect(told).toEqual({ asked: 19, silent: 0, hung: 1 })
  })

  it('counts on where the excuse ends', () => {
    const { told, look } = watched()
    look(5, true)
    look(1)
    expect(told.silent).toBe(0)
    look(1)
    expect(told.silent).toBe(1)
  })
})
