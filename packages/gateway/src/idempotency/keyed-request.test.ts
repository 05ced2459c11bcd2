import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ClaimState, ClientListener, ClientSink, IdempotencyClaim, KeptAnswer } from '@headrace/contract'
import { KeyBook } from './key-book.ts'
import type { Claimed } from './key-client.ts'
import { KeyedRequest, type KeyedFacts } from './keyed-request.ts'
import { deriveKeys } from './request-key.ts'
import { openAnswer, sealAnswer } from './sealed-answer.ts'

beforeEach(() => { vi.useFakeTimers({ toFake: ['performance', 'Date'] }) })
afterEach(() => { vi.useRealTimers() })

const KEPT: KeptAnswer = { status: 200, headers: '', stream: false, body: Buffer.from('x') }
const KEYS = deriveKeys({ tenant: 't', team: null, app: null, keyId: 'k', endUser: null, scopes: new Set(), source: 'virtual-key' }, 'token', 'key')
const FACTS: KeyedFacts = { keys: KEYS, fingerprint: 'f', owner: '1', longestMs: 600_000, policy: { ttlMs: 1_000, answerBytes: 10, totalBytes: 100, afterCrash: 'retry' } }
const told = (state: ClaimState): Claimed => ({ state, answer: state === 'kept' ? sealAnswer(KEYS, KEPT) : null })
const settled = async (): Promise<void> => { for (let turn = 0; turn < 20; turn++) await null }

class FakeSink implements ClientSink {
  listener: ClientListener | null = null
  closed = false
  readonly told: string[] = []
  respond(status: number): void { this.told.push(`respond ${status}`) }
  begin(): void {}
  write(): boolean { return true }
  end(): void { this.told.push('end') }
  abort(): void { this.told.push('abort') }
}

/** A control process that says in turn what it is told to say; a function is thrown. */
class Desk {
  readonly claims: { readonly claim: IdempotencyClaim, readonly waitMs: number }[] = []
  readonly told: string[] = []
  readonly book: KeyBook
  /** Each question: answered, failed, or left open. */
  readonly answers: (Claimed | 'fail' | 'open')[]

  constructor(...answers: (Claimed | 'fail' | 'open')[]) {
    this.answers = answers
    this.book = new KeyBook({
      claim: async (claim, waitMs, signal) => {
        this.claims.push({ claim, waitMs })
        const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0]
        if (answer === 'open') return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
        if (answer === 'fail' || answer === undefined) {
          vi.advanceTimersByTime(1_000)
          throw new Error('no such socket')
        }
        return answer
      },
      settle: async (_name, _token, answer) => { this.told.push(`settle ${answer === null ? 'nothing' : openAnswer(KEYS, answer)?.body.toString()}`) },
      release: async () => { this.told.push('release') },
      close: () => undefined,
    }, { now: () => performance.now(), pause: async ms => { vi.advanceTimersByTime(ms) } })
  }
}

function run(desk: Desk, longestMs = 600_000) {
  const sink = new FakeSink()
  const outcomes: string[] = []
  let leading: ClientSink | null = null
  const request = new KeyedRequest(desk.book, { ...FACTS, longestMs }, sink, {
    lead: recorded => { outcomes.push('lead'); leading = recorded },
    replay: answer => outcomes.push(`replay ${answer.body.toString()}`), refuse: error => outcomes.push(error.kind), left: () => outcomes.push('left'),
  })
  request.start()
  return { sink, outcomes, leading: () => leading, request }
}

describe('a request with a key', () => {
  it.each<[ClaimState, string]>([['won', 'lead'], ['kept', 'replay x'], ['unkept', 'idempotency-conflict'], ['unknown', 'idempotency-conflict'], ['other-request', 'idempotency-mismatch']])('that is %s: %s', async (state, outcome) => {
    const desk = new Desk(told(state))
    const { outcomes } = run(desk)
    await settled()
    expect(outcomes).toEqual([outcome])
    expect(desk.claims).toHaveLength(1)
  })

  it('whose kept answer is damaged is refused, and not run', async () => {
    const sealed = sealAnswer(KEYS, KEPT)
    sealed.writeUInt8(sealed.readUInt8(20) ^ 1, 20)
    const { outcomes } = run(new Desk({ state: 'kept', answer: sealed }))
    await settled()
    expect(outcomes).toEqual(['idempotency-conflict'])
  })

  it('that leads keeps its answer under its own token, and gives the key back when it has none', async () => {
    const desk = new Desk(told('won'))
    const one = run(desk)
    await settled()
    one.leading()?.respond(200, '', 'hello')
    const two = run(desk)
    await settled()
    two.leading()?.respond(500, '', 'no')
    await settled()
    expect(desk.told).toEqual(['settle hello', 'release'])
    expect([one.sink.told, two.sink.told]).toEqual([['respond 200'], ['respond 500']])
    expect(new Set(desk.claims.map(({ claim }) => claim.token)).size).toBe(2)
  })

  it('waits at the control process, question after question with the same token, until the other one is answered', async () => {
    const desk = new Desk(told('running'), told('running'), told('kept'))
    const { outcomes } = run(desk)
    await settled()
    expect(outcomes).toEqual(['replay x'])
    expect(desk.claims.map(({ waitMs }) => waitMs)).toEqual([20_000, 20_000, 20_000])
    expect(new Set(desk.claims.map(({ claim }) => claim.token)).size).toBe(1)
  })

  it('does not wait for longer than it may run itself', async () => {
    const desk = new Desk(told('running'))
    const { outcomes } = run(desk, 0)
    await settled()
    expect(outcomes).toEqual(['idempotency-conflict'])
    expect(desk.claims.map(({ waitMs }) => waitMs)).toEqual([0])
  })

  it('tries again while the control process is away, and is refused when it stays away', async () => {
    const back = new Desk('fail', 'fail', told('won'))
    const one = run(back)
    await vi.waitFor(() => expect(one.outcomes).toEqual(['lead']))
    const gone = new Desk('fail')
    const two = run(gone)
    await vi.waitFor(() => expect(two.outcomes).toEqual(['overloaded']))
    expect(gone.claims.length).toBeLessThan(10)
  })

  it('whose client leaves, or that is told to stop, asks no further and leaves no claim behind', async () => {
    const desk = new Desk('open')
    const one = run(desk)
    await settled()
    one.sink.listener?.onClose()
    const two = run(desk)
    await settled()
    two.sink.listener?.onShutdown()
    await settled()
    expect([one.outcomes, two.outcomes, desk.told]).toEqual([['left'], ['shutting-down'], ['release', 'release']])
    expect(one.sink.listener).toBeNull()
  })

  it('whose client has left already asks nothing', () => {
    const desk = new Desk(told('won'))
    const sink = Object.assign(new FakeSink(), { closed: true })
    const outcomes: string[] = []
    new KeyedRequest(desk.book, FACTS, sink,
      { lead: () => outcomes.push('lead'), replay: () => outcomes.push('replay'), refuse: () => outcomes.push('refuse'), left: () => outcomes.push('left') }).start()
    expect([outcomes, desk.claims]).toEqual([['left'], []])
  })

  it('is refused at once where a thousand wait', async () => {
    const desk = new Desk('open')
    const all = Array.from({ length: 1_001 }, () => run(desk))
    expect(all.at(-1)?.outcomes).toEqual(['idempotency-conflict'])
    expect(all.at(-2)?.outcomes).toEqual([])
    for (const one of all) one.sink.listener?.onClose()
    await settled()
    expect(desk.book.enter()).toBe(true)
  })
})
