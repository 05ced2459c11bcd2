import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ClientListener, ClientSink, CoalesceToAuthority, ErrorKind, Exchange, RelayDialect } from '@headrace/contract'
import type { Flight } from './flight.ts'
import { FlightReader, type AnswerHead } from './flight-reader.ts'
import { FlightTable } from './flight-table.ts'

const DIALECT = { encodeStreamError: (error: { readonly kind: string }) => `error: ${error.kind}\n\n` } as unknown as RelayDialect
const STREAM = 'content-type: text/event-stream\r\n'

class FakeSink implements ClientSink {
  listener: ClientListener | null = null
  closed = false
  told: string[] = []
  respond(status: number, _headers: string, body: Buffer | string): void { this.told.push(`respond ${status} ${String(body)}`) }
  begin(status: number): void { this.told.push(`begin ${status}`) }
  write(chunk: Buffer | string): boolean { this.told.push(String(chunk)); return true }
  end(): void { this.told.push('end') }
  abort(): void { this.told.push('abort') }
  leave(): void {
    this.closed = true
    this.listener?.onClose()
  }
}

class Notes extends FlightReader {
  text = ''
  told: string[] = []
  room = Infinity
  onRun(): void { this.told.push('runs') }
  begin({ status, leader }: AnswerHead): void { this.told.push(`begin ${status} of ${leader}`) }
  write(text: string): boolean {
    this.text += text
    return --this.room > 0
  }

  end(): void { this.told.push('end') }
  abort(kind: ErrorKind): void { this.told.push(`abort ${kind}`) }
  respond({ status }: AnswerHead, body: Buffer | string, kind: ErrorKind | null): void { this.told.push(`respond ${status} ${String(body)} ${kind}`) }
  retry(): void { this.told.push('retry') }
}

/** What a worker's journey does with a request. */
interface Asked { readonly sink: FakeSink, readonly did: string[], flight: Flight | null, readonly reader: Notes }

/** A worker: its table, and what its authority hears and says. */
class Worker {
  readonly path: string
  readonly table: FlightTable
  readonly heard: CoalesceToAuthority[] = []
  /** Answers what is asked; null = it is silent. */
  decide: ((key: string, refusedBy: string) => string) | null = () => ''
  workers = 2
  timers: (() => void)[] = []

  constructor(name: string) {
    this.path = join(directory, name)
    this.table = new FlightTable({
      socket: this.path, soon: queueMicrotask, after: (_ms, task) => { this.timers.push(task) },
      send: message => {
        this.heard.push(message)
        const answers = this.decide === null ? [] : message.asks.map(({ ticket, key, refusedBy }) => ({ ticket, leader: this.decide?.(key, refusedBy) ?? '' }))
        if (answers.length > 0) this.table.receive({ type: 'coalesce', workers: this.workers, answers })
      },
    })
  }

  ask(key: string): Asked {
    const asked: Asked = { sink: new FakeSink(), did: [], flight: null, reader: new Notes() }
    this.table.share(key, DIALECT, asked.sink, {
      lead: flight => {
        asked.did.push('lead')
        asked.flight = flight
        flight.lead({ id: `${key}-1`, requestId: 'r', error: null } as Exchange)
      },
      follow: flight => {
        asked.did.push('follow')
        asked.flight = flight
        if (!flight.join(asked.reader)) asked.reader.retry()
      },
      left: () => asked.did.push('left'),
    })
    return asked
  }

  /** What it has told to be over, when the time for that has come. */
  get over(): string[] {
    for (const task of this.timers.splice(0)) task()
    return this.heard.flatMap(({ over }) => over)
  }
}

let directory: string
let one: Worker
let two: Worker
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'headrace-flights-'))
  one = new Worker('one')
  two = new Worker('two')
  two.decide = () => one.path
})
afterEach(() => {
  one.table.close()
  two.table.close()
  rmSync(directory, { recursive: true, force: true })
})
const call = (): ClientListener & { readonly heard: string[] } => {
  const heard: string[] = []
  return { heard, onDrain: () => heard.push('drain'), onClose: () => heard.push('close'), onShutdown: () => heard.push('shutdown') }
}
/** A request that `one` leads and `two` has joined. */
async function shared(key = 'k'): Promise<{ readonly leader: Asked, readonly follower: Asked, readonly call: ReturnType<typeof call> }> {
  const leader = one.ask(key)
  await turn()
  const running = call()
  if (leader.flight !== null) leader.flight.listener = running
  const follower = two.ask(key)
  await vi.waitFor(() => expect(follower.reader.told).toEqual(['runs']))
  return { leader, follower, call: running }
}

describe('a request that may be shared', () => {
  it('leads where nobody runs it, and is joined by those of its own worker without a question', async () => {
    const leader = one.ask('k')
    const follower = one.ask('k')
    expect([leader.did, follower.did]).toEqual([[], ['follow']])
    await turn()
    expect(leader.did).toEqual(['lead'])
    leader.flight?.respond(200, '', 'x')
    expect([leader.sink.told, follower.reader.told]).toEqual([['respond 200 x'], ['respond 200 x null']])
    await turn()
    expect([one.heard.flatMap(({ asks }) => asks.map(({ key }) => key)), one.over]).toEqual([['k'], ['k']])
  })

  it('asks nothing where there is one worker only, and asks again when there are more', async () => {
    one.workers = 1
    one.ask('a')
    await turn()
    expect(one.ask('b').did).toEqual(['lead'])
    one.table.receive({ type: 'coalesce', workers: 2, answers: [] })
    expect(one.ask('c').did).toEqual([])
  })

  it('reads the stream of another worker, once for all of its own, and from the beginning for who comes late', async () => {
    const { leader, follower } = await shared()
    leader.flight?.begin(200, STREAM)
    leader.flight?.write('a\u00ff')
    await vi.waitFor(() => expect(follower.reader.text).toBe('a\u00ff'))
    const late = two.ask('k')
    leader.flight?.write('b')
    leader.flight?.end()
    await vi.waitFor(() => expect(late.reader.told.at(-1)).toBe('end'))
    for (const { reader } of [follower, late]) expect([reader.text, reader.told]).toEqual(['a\u00ffb', ['runs', 'begin 200 of k-1', 'end']])
    expect(leader.sink.told).toEqual(['begin 200', 'a\u00ff', 'b', 'end'])
  })

  it.each<[string, (flight: Flight | null) => void, string[]]>([
    ['an answer in one piece', flight => flight?.respond(200, 'content-type: application/json\r\n', Buffer.from('b\u00ffdy', 'latin1')), ['runs', 'respond 200 b\ufffddy null']],
    ['a large one', flight => flight?.respond(200, '', 'x'.repeat(300_000)), ['runs', `respond 200 ${'x'.repeat(300_000)} null`]],
    ['a stream that breaks off', flight => { flight?.begin(200, STREAM); flight?.write('a'); flight?.breakOff('upstream-reset') }, ['runs', 'begin 200 of k-1', 'abort upstream-reset']],
    ['a call that comes to nothing', flight => flight?.breakOff('internal'), ['runs', 'retry']],
  ])('gets of another worker %s', async (_, answer, told) => {
    const { leader, follower } = await shared()
    answer(leader.flight)
    await vi.waitFor(() => expect(follower.reader.told).toEqual(told))
  })

  it('is waited for by its call, also in another worker, and ends it when nobody is left', async () => {
    const { leader, follower, call: running } = await shared()
    leader.sink.leave()
    expect(running.heard).toEqual([])
    follower.flight?.leave(follower.reader)
    await vi.waitFor(() => expect(running.heard).toEqual(['close']))
    await turn()
    expect(one.over).toEqual(['k'])
  })

  it('slows its call down where nobody can read, in whichever worker', async () => {
    const { leader, follower, call: running } = await shared()
    leader.sink.leave()
    follower.reader.room = 1
    leader.flight?.begin(200, STREAM)
    let flows = true
    for (let count = 0; flows && count < 5_000; count++) {
      flows = leader.flight?.write('x'.repeat(10_000)) ?? false
      if (count % 50 === 0) await turn()
    }
    expect(flows).toBe(false)
    follower.reader.room = Infinity
    follower.flight?.drained(follower.reader)
    await vi.waitFor(() => expect(running.heard).toEqual(['drain']))
  })
})

describe('a worker that was named', () => {
  it('and does not run the request is not asked again', async () => {
    const first = two.ask('k')
    await vi.waitFor(() => expect(first.reader.told).toEqual(['retry']))
    two.decide = (_, refusedBy) => refusedBy === one.path ? '' : one.path
    const again = two.ask('k')
    await turn()
    expect(again.did).toEqual(['lead'])
  })

  it('and is gone is not waited for', async () => {
    two.decide = () => join(directory, 'nobody')
    const asked = two.ask('k')
    await vi.waitFor(() => expect(asked.reader.told).toEqual(['retry']))
  })

  it('and stands still is not waited for', async () => {
    const silent: Server = createServer(socket => { socket.resume() }).listen(join(directory, 'silent'))
    two.decide = () => join(directory, 'silent')
    const asked = two.ask('k')
    await vi.waitFor(() => expect(asked.reader.told).toEqual(['retry']), 5_000)
    await new Promise(resolve => silent.close(resolve))
  })

  it('and dies in the middle of a stream is missed in it', async () => {
    const { leader, follower } = await shared()
    leader.flight?.begin(200, STREAM)
    leader.flight?.write('a')
    await vi.waitFor(() => expect(follower.reader.text).toBe('a'))
    one.table.close()
    await vi.waitFor(() => expect(follower.reader.told).toEqual(['runs', 'begin 200 of k-1', 'abort internal']))
    expect(follower.reader.text).toBe('aerror: internal\n\n')
  })
})

describe('an authority that is silent', () => {
  it('is not waited for; what it says late holds from then on', async () => {
    one.decide = null
    const asked = one.ask('k')
    await turn()
    expect(asked.did).toEqual([])
    for (const task of one.timers) task()
    expect(asked.did).toEqual(['lead'])
    one.table.receive({ type: 'coalesce', workers: 2, answers: [{ ticket: 1, leader: '' }] })
    if (asked.flight !== null) asked.flight.listener = call()
    const follower = two.ask('k')
    await vi.waitFor(() => expect(follower.reader.told).toEqual(['runs']))
    asked.flight?.respond(200, '', 'x')
    await turn()
    expect(one.over).toEqual(['k'])
  })

  it('that names another worker too late changes nothing', async () => {
    one.decide = null
    const asked = one.ask('k')
    await turn()
    for (const task of one.timers) task()
    one.table.receive({ type: 'coalesce', workers: 2, answers: [{ ticket: 1, leader: two.path }] })
    expect(asked.did).toEqual(['lead'])
  })

  it('that says late that a request leads which is over hears that it is', async () => {
    one.decide = null
    const asked = one.ask('k')
    await turn()
    for (const task of one.timers) task()
    asked.flight?.respond(200, '', 'x')
    one.table.receive({ type: 'coalesce', workers: 2, answers: [{ ticket: 1, leader: '' }] })
    await turn()
    expect(one.over).toEqual(['k'])
  })
})

describe('a client that leaves while it is asked', () => {
  it('alone leads nothing, and the authority hears that it is over', async () => {
    const asked = one.ask('k')
    asked.sink.leave()
    await turn()
    await turn()
    expect([asked.did, one.over]).toEqual([['left'], ['k']])
  })

  it('with others who wait leads for them', async () => {
    const asked = one.ask('k')
    const other = one.ask('k')
    asked.sink.leave()
    await turn()
    expect([asked.did, other.did, asked.flight?.closed]).toEqual([['lead'], ['follow'], false])
  })

  it('with others who wait, for what another worker runs, is gone and they are not', async () => {
    const leader = one.ask('k')
    await turn()
    const asked = two.ask('k')
    const other = two.ask('k')
    asked.sink.leave()
    await vi.waitFor(() => expect(asked.did).toEqual(['left']))
    if (leader.flight !== null) leader.flight.listener = call()
    leader.flight?.respond(200, '', 'x')
    await vi.waitFor(() => expect(other.reader.told).toEqual(['runs', 'respond 200 x null']))
  })
})

it('a worker that stops waits for those who read here from others, and tells the call when its time is over', async () => {
  const { leader, follower, call: running } = await shared()
  leader.sink.leave()
  let drained = false
  const draining = one.table.drain(60_000).then(() => { drained = true })
  await turn()
  expect(drained).toBe(false)
  leader.flight?.respond(200, '', 'x')
  await vi.waitFor(() => expect(follower.reader.told).toEqual(['runs', 'respond 200 x null']))
  await vi.waitFor(() => {
    for (const task of one.timers.splice(0)) task()
    expect(drained).toBe(true)
  })
  await draining
  const second = await shared('l')
  await one.table.drain(0)
  expect([running.heard, second.call.heard]).toEqual([[], ['shutdown']])
})
