import { describe, expect, it } from 'vitest'
import { GradientLimit } from './gradient-limit.ts'

const TICK_MS = 10

interface World { readonly places: number, serviceMs: number, perSecond: number, readonly deadlineMs: number, /** It goes on working for clients who have left. */ readonly worksForNobody: boolean, /** Its time has nothing to do with how many it has. */ readonly unbounded?: boolean }
interface Job { readonly at: number, startedAt: number, left: boolean }

/** An engine with a queue of its own, first come, first served, behind a limit that looks at it as the authority does. */
class Engine {
  now = 0
  readonly limit = new GradientLimit()
  readonly world: World
  #waiting: Job[] = []
  #working: Job[] = []
  #owed = 0
  good = 0
  refused = 0
  inFlight = 0

  constructor(world: World) {
    this.world = world
  }

  run(seconds: number): { readonly goodPerSecond: number, readonly refusedPerSecond: number } {
    this.good = this.refused = 0
    for (const end = this.now + seconds * 1_000; this.now < end; this.now += TICK_MS) this.#tick()
    return { goodPerSecond: this.good / seconds, refusedPerSecond: this.refused / seconds }
  }

  #tick(): void {
    const { places, serviceMs, perSecond, deadlineMs, worksForNobody, unbounded = false } = this.world
    for (this.#owed += perSecond * TICK_MS / 1_000; this.#owed >= 1; this.#owed--) {
      if (this.limit.limit > 0 && this.inFlight >= this.limit.limit) this.refused++
      else {
        this.inFlight++
        this.#waiting.push({ at: this.now, startedAt: 0, left: false })
      }
    }
    for (const job of [...this.#waiting, ...this.#working]) {
      if (job.left || this.now - job.at < deadlineMs) continue
      job.left = true
      this.inFlight--
      this.limit.add('json', deadlineMs, false, this.now)
    }
    if (!worksForNobody) this.#waiting = this.#waiting.filter(job => !job.left)
    for (const job of this.#working.filter(({ startedAt }) => this.now - startedAt >= serviceMs)) {
      this.#working.splice(this.#working.indexOf(job), 1)
      if (job.left) continue
      this.good++
      this.inFlight--
      this.limit.add('json', this.now - job.at, true, this.now)
    }
    while ((unbounded || this.#working.length < places) && this.#waiting.length > 0) {
      const job = this.#waiting.shift()
      if (job !== undefined) this.#working.push(Object.assign(job, { startedAt: this.now }))
    }
    this.limit.step(this.now, this.inFlight)
  }
}

const ENGINE: World = { places: 10, serviceMs: 200, perSecond: 25, deadlineMs: 1_000, worksForNobody: false }
const CAPACITY = 50

describe.each([{ worksForNobody: false }, { worksForNobody: true }])('an engine of which nobody said what it can do (works for clients who have left: $worksForNobody)', ({ worksForNobody }) => {
  it.each([2, 5, 10])('does useful work at %i times its capacity, the rest is refused early, and it is free again after', times => {
    const engine = new Engine({ ...ENGINE, worksForNobody })
    engine.run(5)
    expect(engine.limit.limit).toBe(0)
    engine.world.perSecond = CAPACITY * times
    // What it has taken on for nobody comes first.
    engine.run(worksForNobody ? 60 : 10)
    const { goodPerSecond, refusedPerSecond } = engine.run(20)
    expect(goodPerSecond).toBeGreaterThan(CAPACITY * 0.8)
    expect(refusedPerSecond).toBeGreaterThan(CAPACITY * (times - 1) * 0.7)
    engine.world.perSecond = 25
    expect(engine.run(20).goodPerSecond).toBeGreaterThan(24)
    expect([engine.run(5).refusedPerSecond, engine.limit.limit]).toEqual([0, 0])
  })
})

describe('a target that is slow, but not for the number of requests', () => {
  it('is not strangled: it is limited for seconds at most, and then left alone', () => {
    const engine = new Engine({ ...ENGINE, deadlineMs: 60_000, unbounded: true })
    engine.run(5)
    engine.world.serviceMs = 2_000
    engine.run(30)
    expect(engine.run(10)).toEqual({ goodPerSecond: 25, refusedPerSecond: 0 })
  })
})

describe('nothing is limited', () => {
  it.each<[string, Partial<World>]>([
    ['at a hundred requests per second that are well', { perSecond: 100, unbounded: true }],
    ['by a few milliseconds, however many times the usual they are', { perSecond: 100, serviceMs: 20, places: 2 }],
    ['where there is little to go by', { perSecond: 2, places: 1, serviceMs: 600 }],
  ])('%s', (_what, facts) => {
    const engine = new Engine({ ...ENGINE, ...facts })
    engine.run(30)
    expect([engine.limit.limit, engine.refused]).toEqual([0, 0])
  })
})
