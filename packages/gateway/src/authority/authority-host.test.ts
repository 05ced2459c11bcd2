import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { Exchange, type LimitsToWorker, type Snapshot } from '@headrace/contract'
import { Admission, Limiter } from '../orchestration/limits/limiter.ts'
import { AuthorityHost, type AuthorityTalk } from './authority-host.ts'
import { principal, rule } from './lease-simulation.ts'

const SLOTS = 4
const RULES = [rule('c', 'concurrency', { kind: 'slots', limit: SLOTS })]

/** A worker's end of its channel, with the limiter that a worker has. */
class Worker extends EventEmitter {
  connected = true
  readonly #limiter = new Limiter({
    now: () => performance.now(), wall: Date.now, soon: queueMicrotask,
    after: (ms, task) => { setTimeout(task, ms).unref() },
    send: message => { if (this.connected) this.emit('message', structuredClone(message)) },
  })
  readonly #running: [Admission, Exchange][] = []

  constructor() {
    super()
    this.#limiter.adopt(RULES, 1)
  }

  send(message: LimitsToWorker): void {
    if (this.connected && message.type === 'limits') this.#limiter.receive(structuredClone(message))
  }

  /** True = it was let in, and runs until `finish`. */
  async begin(): Promise<boolean> {
    const x = new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', Date.now(), performance.now())
    x.principal = principal()
    const decided = await this.#limiter.admit(x, { body: Buffer.from('{}') }, -1)
    if (decided instanceof Admission) this.#running.push([decided, x])
    return decided instanceof Admission
  }

  finish(): void {
    const [admission, x] = this.#running.pop() ?? []
    if (admission !== undefined && x !== undefined) this.#limiter.settle(admission, x)
  }

  end(): void {
    this.connected = false
    this.emit('disconnect')
  }
}

/** A supervisor's part of a hand-over: a host, and one worker. */
class Supervisor {
  readonly worker = new Worker()
  readonly host: AuthorityHost

  constructor(predecessor: Supervisor | null = null) {
    this.host = new AuthorityHost({
      stateFile: null, onProblem: problem => { throw new Error(problem) },
      ...(predecessor === null ? {} : { predecessor: { firstWorker: predecessor.host.successorsFirst, link: (talk: AuthorityTalk) => predecessor.host.hear(structuredClone(talk), 'successor') } }),
    })
    predecessor?.host.lead(talk => this.host.hear(structuredClone(talk), 'predecessor'))
    this.host.attach(this.worker as unknown as ChildProcess)
    supervisors.push(this)
  }

  /** It has nothing more to say, and nobody hears it. */
  end(successor: Supervisor): void {
    this.worker.end()
    successor.host.unlink('predecessor')
  }
}

let supervisors: Supervisor[] = []
afterEach(async () => {
  for (const { host } of supervisors) await host.stop()
  supervisors = []
})

async function takenOver(predecessor: Supervisor): Promise<Supervisor> {
  const successor = new Supervisor(predecessor)
  expect(await successor.host.take()).toBe(true)
  return successor
}

describe('one supervisor after the other', () => {
  it('a third one takes over while workers of the first and the second still finish: each goes on being heard and answered, and no slot is lost or doubled', async () => {
    const first = new Supervisor()
    expect(await first.worker.begin()).toBe(true)
    const second = await takenOver(first)
    expect(await second.worker.begin()).toBe(true)
    const third = await takenOver(second)
    expect(await third.worker.begin()).toBe(true)
    expect(await first.worker.begin()).toBe(true)
    const all = [first, second, third]
    expect(await Promise.all(all.map(({ worker }) => worker.begin()))).toEqual([false, false, false])
    first.worker.finish()
    await turn()
    expect(await third.worker.begin()).toBe(true)
    // Its last call's slot comes back with it.
    first.end(second)
    await turn()
    expect(await second.worker.begin()).toBe(true)
    second.end(third)
    await turn()
    for (let slot = 0; slot < 2; slot++) expect(await third.worker.begin()).toBe(true)
    expect(await third.worker.begin()).toBe(false)
  })

  it('the first ends while the second is about to be succeeded: the third still takes over', async () => {
    const first = new Supervisor()
    expect(await first.worker.begin()).toBe(true)
    const second = await takenOver(first)
    const third = new Supervisor(second)
    expect(await third.worker.begin()).toBe(true)
    first.end(second)
    expect(await third.host.take()).toBe(true)
    for (let slot = 1; slot < SLOTS; slot++) expect(await third.worker.begin()).toBe(true)
    expect(await second.worker.begin()).toBe(false)
  })

  it('a successor that fails leaves its predecessor the counters, and the slots that it held', async () => {
    const first = new Supervisor()
    const second = new Supervisor(first)
    for (let slot = 0; slot < SLOTS; slot++) expect(await second.worker.begin()).toBe(true)
    expect(await first.worker.begin()).toBe(false)
    first.host.unlink('successor')
    for (let slot = 0; slot < SLOTS; slot++) expect(await first.worker.begin()).toBe(true)
  })

  it('a successor whose predecessor dies before it has handed over counts by itself', async () => {
    const first = new Supervisor()
    const second = new Supervisor(first)
    first.end(second)
    expect(second.host.isGuest).toBe(false)
    expect(await second.worker.begin()).toBe(true)
  })
})
