import { describe, expect, it } from 'vitest'
import { PaceSimulation, type PacedRequest, type SimulatedProvider } from './pace-simulation.ts'

/** mulberry32: the same requests every time. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = state + 0x6D2B79F5 | 0
    let mixed = Math.imul(state ^ state >>> 15, state | 1)
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61)
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296
  }
}

const TPM = 120_000
const written = ({ input, written: output }: PacedRequest): number => input + output
const allowed = ({ input, allowed: most }: PacedRequest): number => input + most

/** Poisson arrivals of `demand` times the limit for so many minutes, from a drained bucket on. */
async function load(provider: SimulatedProvider, { workers, demand = 2, minutes = 4, seed = 7 }: { workers: number, demand?: number, minutes?: number, seed?: number }): Promise<{ used: number, refusedShare: number, simulation: PaceSimulation }> {
  const simulation = new PaceSimulation(provider, workers)
  const next = random(seed)
  const mean = 800
  const arrive = (): void => {
    const size = 0.25 + 1.5 * next()
    const request: PacedRequest = { worker: Math.floor(next() * workers), input: Math.ceil(size * 300), allowed: Math.ceil(size * 500), written: Math.ceil(size * 250 * (0.5 + next())) }
    simulation.send(request)
    simulation.at(-Math.log(1 - next()) * 60_000 * mean / (provider.tpm * demand), arrive)
  }
  arrive()
  // The first minutes use what had been saved up: the limit is what comes after.
  await simulation.pass(180_000)
  const before = { given: simulation.given, refused: simulation.refused, waits: simulation.waits.length }
  await simulation.pass(minutes * 60_000)
  return {
    used: (simulation.given - before.given) / (provider.tpm * minutes),
    refusedShare: (simulation.refused - before.refused) / (simulation.refused - before.refused + simulation.waits.length - before.waits), simulation,
  }
}

describe('twice as many requests as the provider\'s limit allows', () => {
  it.each<[string, SimulatedProvider, number]>([
    ['a bucket that counts what is allowed, one worker', { tpm: TPM, counts: allowed, ttftMs: 500 }, 1],
    ['two workers', { tpm: TPM, counts: allowed, ttftMs: 500 }, 2],
    ['eight workers', { tpm: TPM, counts: allowed, ttftMs: 500 }, 8],
    ['heads that come late', { tpm: TPM, counts: allowed, ttftMs: 8_000 }, 2],
    ['a bucket that counts what is written', { tpm: TPM, counts: written, ttftMs: 500 }, 2],
    ['a provider that counts three times as much as anybody else', { tpm: TPM, counts: request => 3 * written(request), ttftMs: 500 }, 2],
    ['Anthropic\'s headers', { tpm: TPM, counts: allowed, ttftMs: 500, headers: 'instants' }, 2],
    ['windows of a minute', { tpm: TPM, counts: allowed, ttftMs: 500, fixedWindow: true }, 2],
  ])('%s: at least 97 % of it is used, at most 0.5 % is refused', async (_name, provider, workers) => {
    const { used, refusedShare } = await load(provider, { workers })
    expect(used).toBeGreaterThanOrEqual(0.97)
    expect(refusedShare).toBeLessThanOrEqual(0.005)
  })
})

describe('a provider\'s limit', () => {
  const bucket: SimulatedProvider = { tpm: TPM, counts: allowed, ttftMs: 500 }

  it('that others use as well is shared with them, and not run into', async () => {
    const simulation = new PaceSimulation(bucket, 2)
    for (let second = 1; second <= 420; second++) simulation.at(second * 1_000, () => simulation.useElsewhere(TPM * 0.4 / 60))
    const next = random(3)
    for (let count = 0; count < 2_000; count++) simulation.at(count * 200, () => simulation.send({ worker: count % 2, input: 300, allowed: Math.ceil(250 + 500 * next()), written: 250 }))
    await simulation.pass(180_000)
    const before = { given: simulation.given, refused: simulation.refused, waits: simulation.waits.length }
    await simulation.pass(180_000)
    expect((simulation.given - before.given) / (3 * TPM)).toBeGreaterThan(0.57)
    expect(simulation.given - before.given).toBeLessThanOrEqual(3 * TPM * 0.62)
    expect((simulation.refused - before.refused) / (simulation.waits.length - before.waits)).toBeLessThanOrEqual(0.01)
  })

  it('of which more than half is left is asked for by nobody', async () => {
    const { simulation } = await load(bucket, { workers: 2, demand: 0.4 })
    expect(simulation.waits).toEqual([])
    expect(simulation.refused).toBe(0)
  })

  it('that is nearly reached holds nobody for long', async () => {
    const { simulation, used } = await load(bucket, { workers: 2, demand: 0.9 })
    expect(used).toBeGreaterThan(0.85)
    expect(simulation.refused + simulation.shed).toBe(0)
    expect(Math.max(0, ...simulation.waits)).toBeLessThan(5_000)
  })

  it('gives a large request its turn before the small ones that came after it', async () => {
    const simulation = new PaceSimulation(bucket, 1)
    for (let count = 0; count < 90; count++) simulation.send({ worker: 0, input: 300, allowed: 500, written: 100 })
    await simulation.pass(1_000)
    simulation.send({ worker: 0, input: 300, allowed: TPM / 2, written: 100 })
    for (let count = 0; count < 5; count++) simulation.send({ worker: 0, input: 300, allowed: 500, written: 100 })
    await simulation.pass(9_000)
    expect([simulation.refused, simulation.shed, simulation.waits.length]).toEqual([0, 0, 6])
    expect(simulation.waits[0]).toBeGreaterThan(1_000)
    expect(simulation.waits).toEqual(simulation.waits.toSorted((left, right) => left - right))
  })

  it('is not waited for by a worker that has died', async () => {
    const simulation = new PaceSimulation(bucket, 2)
    for (let count = 0; count < 145; count++) simulation.send({ worker: 0, input: 300, allowed: 500, written: 100 })
    await simulation.pass(1_000)
    for (let count = 0; count < 10; count++) simulation.send({ worker: count % 2, input: 300, allowed: 500, written: 100 })
    simulation.authority.workerGone(0)
    await simulation.pass(8_000)
    expect(simulation.waits.length).toBeGreaterThanOrEqual(5)
  })
})
