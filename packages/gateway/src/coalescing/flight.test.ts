import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ClientListener, ErrorKind, Exchange } from '@headrace/contract'
import { Flight, type FlightMemory } from './flight.ts'
import { FlightReader, type AnswerHead } from './flight-reader.ts'

const HEADERS = 'content-type: text/event-stream\r\nx-request-id: r1\r\nx-ratelimit-remaining-requests: 3\r\nheadrace-explain: []\r\nheadrace-target: up/m\r\n'
const SHARED = 'content-type: text/event-stream\r\nheadrace-target: up/m\r\n'
const KIB = 'x'.repeat(1_024)
const leaderOf = (error: ErrorKind | null): Exchange => ({ id: 'x-1', requestId: 'r1', error }) as Exchange

/** Writes down what it is told; takes so many parts until it is full. */
class Notes extends FlightReader {
  override leads = false
  told: string[] = []
  text = ''
  headers = ''
  room = Infinity
  runs = 0

  onRun(): void { this.runs++ }

  begin({ status, headers }: AnswerHead): void {
    this.headers = headers
    this.told.push(`begin ${status}`)
  }

  write(text: string): boolean {
    this.text += text
    return --this.room > 0
  }

  end(): void { this.told.push('end') }
  abort(kind: ErrorKind): void { this.told.push(`abort ${kind}`) }
  respond({ status, headers }: AnswerHead, body: Buffer | string, kind: ErrorKind | null): void {
    this.headers = headers
    this.told.push(`respond ${status} ${String(body)} ${kind}`)
  }

  retry(): void { this.told.push('retry') }
  goesOn = false
  override takeOver(sent: string): boolean {
    if (this.goesOn) this.told.push(`goes on from ${sent}`)
    return this.goesOn
  }
}

class Call implements ClientListener {
  heard: string[] = []
  onDrain(): void { this.heard.push('drain') }
  onClose(): void { this.heard.push('close') }
  onShutdown(): void { this.heard.push('shutdown') }
}

let memory: FlightMemory
let sealed: number
let flight: Flight
let call: Call
const joined = (facts: Partial<Notes> = {}): Notes => {
  const reader = Object.assign(new Notes(), facts)
  expect(flight.join(reader)).toBe(true)
  return reader
}
beforeEach(() => {
  memory = { bytes: 0, limit: 64 * 2 ** 20 }
  sealed = 0
  flight = new Flight({ encodeStreamError: error => `error: ${error.kind}\n\n` }, memory, () => { sealed++ })
  flight.lead(leaderOf(null))
  call = flight.listener = new Call()
})
const begin = (): void => flight.begin(200, HEADERS)

describe('a flight', () => {
  it('gives all readers the same, whenever they come; each its own head', () => {
    const leader = joined({ leads: true })
    const early = joined()
    begin()
    flight.write('a')
    const late = joined()
    flight.write(Buffer.from('b\u00ff', 'latin1'))
    flight.end()
    for (const reader of [leader, early, late]) expect([reader.text, reader.told]).toEqual(['ab\u00ff', ['begin 200', 'end']])
    expect([leader.headers, early.headers, late.headers]).toEqual([HEADERS, SHARED, SHARED])
    expect([flight.size, memory.bytes, sealed]).toEqual([0, 0, 1])
    expect(flight.join(new Notes())).toBe(false)
  })

  it('that does not run yet holds nobody back from what it came to; each reader hears once that it runs', () => {
    const waiting = new Flight({ encodeStreamError: () => '' }, memory, () => undefined)
    waiting.lead(leaderOf('rate-limited'))
    const held = Object.assign(new Notes(), { held: true })
    waiting.join(held)
    waiting.respond(429, '', 'no')
    expect([held.runs, held.told]).toEqual([0, ['respond 429 no rate-limited']])
    const [early, late] = [joined(), joined()]
    flight.run()
    expect([early.runs, late.runs]).toEqual([1, 1])
  })

  it('runs at the pace of the fastest reader', () => {
    const slow = joined({ room: 1 })
    const fast = joined()
    begin()
    expect([flight.write('a'), flight.write('b'), flight.write('c')]).toEqual([true, true, true])
    fast.room = 1
    expect(flight.write('d')).toBe(false)
    expect([slow.text, fast.text]).toEqual(['a', 'abcd'])
    slow.room = 2
    flight.drained(slow)
    expect([slow.text, call.heard]).toEqual(['abc', []])
    slow.room = Infinity
    flight.drained(slow)
    expect([slow.text, call.heard]).toEqual(['abcd', ['drain']])
  })

  it('goes on when somebody joins who can read, though all others cannot', () => {
    joined({ room: 1 })
    begin()
    expect(flight.write('a')).toBe(false)
    joined()
    expect(call.heard).toEqual(['drain'])
  })

  it('is over for a reader when it has had all of it', () => {
    const slow = joined({ room: 1 })
    const fast = joined()
    begin()
    flight.write('a')
    flight.write('b')
    flight.end()
    expect([fast.told, slow.told]).toEqual([['begin 200', 'end'], ['begin 200']])
    slow.room = Infinity
    flight.drained(slow)
    expect([slow.text, slow.told, memory.bytes]).toEqual(['ab', ['begin 200', 'end'], 0])
  })

  it('is given up with its last reader, not before', () => {
    const [one, two] = [joined(), joined()]
    begin()
    flight.write('a')
    flight.leave(one)
    expect([call.heard, flight.closed]).toEqual([[], false])
    flight.leave(two)
    flight.leave(two)
    expect([call.heard, flight.closed, sealed, memory.bytes]).toEqual([['close'], true, 1, 0])
    expect(flight.join(new Notes())).toBe(false)
  })

  it('can be joined while all of it is kept, and keeps no more than readers need then', () => {
    joined()
    begin()
    for (let count = 0; count < 1_024; count++) flight.write(KIB)
    expect([sealed, memory.bytes]).toEqual([0, 2 ** 20])
    flight.write('x')
    expect([sealed, memory.bytes, flight.join(new Notes())]).toEqual([1, 0, false])
  })

  it('lets go who falls too far behind, and tells it why', () => {
    const slow = joined({ room: 1 })
    const fast = joined()
    begin()
    for (let count = 0; count < 17 * 1_024; count++) flight.write(KIB)
    expect(slow.told).toEqual(['begin 200', 'abort client-timeout'])
    expect(slow.text.endsWith('error: client-timeout\n\n')).toBe(true)
    expect([fast.text.length, memory.bytes]).toEqual([17 * 2 ** 20, 0])
  })

  it('keeps less where the memory of all is used up, and cannot be joined then', () => {
    memory.bytes = memory.limit
    const slow = joined({ room: 1 })
    joined()
    begin()
    flight.write(KIB)
    expect(sealed).toBe(1)
    for (let count = 0; count < 300; count++) flight.write(KIB)
    expect(slow.told).toEqual(['begin 200', 'abort client-timeout'])
    expect(memory.bytes).toBe(memory.limit)
  })

  it('gives nothing to a reader that is held, and all when it is released', () => {
    const held = joined({ held: true })
    joined()
    begin()
    flight.write('a')
    flight.end()
    expect(held.told).toEqual([])
    flight.release(held)
    expect([held.text, held.told]).toEqual(['a', ['begin 200', 'end']])
  })

  it('tells a reader that was let go while it was held when it is released', () => {
    memory.bytes = memory.limit
    const held = joined({ held: true })
    joined()
    begin()
    for (let count = 0; count < 300; count++) flight.write(KIB)
    expect(held.told).toEqual([])
    flight.release(held)
    expect(held.told).toEqual(['retry'])
  })
})

describe('an answer in one piece', () => {
  it('is everybody\'s', () => {
    const [one, held] = [joined({ leads: true }), joined({ held: true })]
    flight.respond(200, 'content-type: application/json\r\nx-request-id: r1\r\n', 'body')
    flight.release(held)
    expect([one.told, held.told]).toEqual([['respond 200 body null'], ['respond 200 body null']])
    expect([one.headers, held.headers]).toEqual(['content-type: application/json\r\nx-request-id: r1\r\n', 'content-type: application/json\r\n'])
  })

  it.each<[ErrorKind, string]>([
    ['upstream-invalid-request', 'respond 503 no upstream-invalid-request'], ['upstream-server-error', 'respond 503 no upstream-server-error'], ['rate-limited', 'respond 503 no rate-limited'],
    ['shutting-down', 'retry'], ['upstream-total-timeout', 'retry'], ['internal', 'retry'],
  ])('that is an error (%s) is told to those who joined as: %s', (kind, told) => {
    flight.lead(leaderOf(kind))
    const [leader, other] = [joined({ leads: true }), joined()]
    flight.respond(503, '', 'no')
    expect([leader.told, other.told]).toEqual([[`respond 503 no ${kind}`], [told]])
  })
})

describe('an answer that breaks off', () => {
  it('breaks off for everybody, after all that came', () => {
    flight.lead(leaderOf('upstream-reset'))
    const [slow, fast] = [joined({ room: 1 }), joined()]
    begin()
    flight.write('a')
    flight.write('error\n\n')
    flight.abort()
    expect(fast.told).toEqual(['begin 200', 'abort upstream-reset'])
    slow.room = Infinity
    flight.drained(slow)
    expect([slow.text, slow.told]).toEqual(['aerror\n\n', ['begin 200', 'abort upstream-reset']])
  })

  it('before it began is nobody\'s: each may try by itself', () => {
    const reader = joined()
    flight.lose('gone')
    expect(reader.told).toEqual(['retry'])
  })

  it('because its source is lost says so in a stream', () => {
    const reader = joined()
    begin()
    flight.write('a')
    flight.lose('gone')
    expect([reader.text, reader.told]).toEqual(['aerror: internal\n\n', ['begin 200', 'abort internal']])
  })

  it('goes on with the first reader that can, for all of them', () => {
    const [one, two] = [joined(), joined({ goesOn: true })]
    begin()
    flight.write('a')
    flight.write('b')
    flight.lose('gone')
    flight.listener = new Call()
    flight.write('c')
    flight.end()
    expect([one.text, one.told]).toEqual(['abc', ['begin 200', 'end']])
    expect([two.text, two.told]).toEqual(['abc', ['begin 200', 'goes on from ab', 'end']])
  })

  it('goes on with nobody where not all that was said is known any more, or nothing was said', () => {
    const reader = joined({ goesOn: true })
    begin()
    for (let count = 0; count < 1_025; count++) flight.write(KIB)
    flight.lose('gone')
    expect(reader.told).toEqual(['begin 200', 'abort internal'])
  })

  it('a reader that becomes another goes on where it was', () => {
    const slow = joined({ room: 1 })
    begin()
    flight.write('a')
    flight.write('b')
    const other = new Notes()
    flight.replace(slow, other)
    flight.drained(other)
    flight.end()
    expect([other.text, other.told, slow.text, slow.told]).toEqual(['b', ['end'], 'a', ['begin 200']])
  })

  it('that is no stream of events just stops', () => {
    const reader = joined()
    flight.begin(200, 'content-type: application/json\r\n')
    flight.write('{')
    flight.lose('gone')
    expect([reader.text, reader.told]).toEqual(['{', ['begin 200', 'abort internal']])
  })
})

describe('whatever readers do', () => {
  type Step = { readonly do: 'write', readonly length: number } | { readonly do: 'join' | 'leave' | 'drain' | 'stall' | 'release', readonly who: number }
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), length: fc.integer({ min: 1, max: 300_000 }) }) },
    fc.record({ do: fc.constantFrom('join' as const, 'leave' as const, 'drain' as const, 'stall' as const, 'release' as const), who: fc.nat(9) }),
  )

  it('each gets the bytes from the first to the last, or is told that it does not; nothing is left behind', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 120 }), fc.constantFrom(64 * 2 ** 20, 2 ** 20), fc.boolean(), (steps, limit, whole) => {
      const kept: FlightMemory = { bytes: 0, limit }
      let seals = 0
      const shared = new Flight({ encodeStreamError: () => '!' }, kept, () => { seals++ })
      const readers: Notes[] = []
      const left = new Set<Notes>()
      let said = ''
      shared.begin(200, HEADERS)
      shared.run()
      for (const { do: what, ...facts } of steps) {
        const reader = 'who' in facts ? readers[facts.who] : undefined
        if ('length' in facts && !shared.closed) {
          const text = String.fromCharCode(97 + said.length % 26).repeat(facts.length)
          said += text
          shared.write(text)
        } else if (what === 'join') {
          const joining = Object.assign(new Notes(), { held: readers.length % 3 === 1 })
          if (readers.length < 10 && shared.join(joining)) readers.push(joining)
        } else if (reader !== undefined && !left.has(reader)) {
          if (what === 'stall') reader.room = 1
          else reader.room = Infinity
          if (what === 'drain') shared.drained(reader)
          if (what === 'release') shared.release(reader)
          if (what === 'leave') {
            left.add(reader)
            shared.leave(reader)
          }
        }
        const most = limit < 2 ** 21 ? 2 ** 20 + 600_000 : 2 ** 24
        expect(kept.bytes).toBeLessThanOrEqual(most)
      }
      if (whole) shared.end()
      else shared.breakOff('upstream-reset')
      for (const reader of readers.filter(one => !left.has(one))) {
        reader.room = Infinity
        if (reader.held) shared.release(reader)
        shared.drained(reader)
        const end = reader.told.at(-1)
        if (end === 'retry') expect(reader.text).toBe('')
        else if (end === 'abort client-timeout') expect(said.startsWith(reader.text.slice(0, -1)) && reader.text.endsWith('!')).toBe(true)
        else expect([end, reader.text === said]).toEqual([whole ? 'end' : 'abort upstream-reset', true])
        expect(reader.told.filter(told => /^(?:end|abort|retry)/.test(told))).toHaveLength(1)
      }
      expect([kept.bytes, shared.size, seals]).toEqual([0, 0, 1])
    }), { numRuns: 150 })
  })
})
