import { gatewayError, type ClientListener, type ClientSink, type ErrorKind, type Exchange, type RelayDialect } from '@headrace/contract'
import type { AnswerHead, FlightReader } from './flight-reader.ts'

/** An answer may be joined while no more of it than this has come, bytes: all of it is kept so long. */
const JOIN_BYTES = 2 ** 20
/** A reader may be so far behind the fastest one, bytes; and where the worker's memory for this is used up. */
const BEHIND_BYTES = 16 * 2 ** 20
const BEHIND_BYTES_SHORT = 2 ** 18
/** What all readers have had is thrown away in pieces of this, bytes. */
const TRIM_BYTES = 2 ** 16

/** Bytes that the flights of one worker keep, all together. */
export interface FlightMemory { bytes: number, readonly limit: number }

/** Header lines that are the answer's own: the others are its exchange's. */
const SHARED = /^(?:content-type|retry-after|retry-after-ms|x-should-retry|headrace-(?!explain:)[a-z-]+):/i
const EVENT_STREAM = /^content-type: *text\/event-stream/im
/** Failures of the one call that say nothing of another one. All else has come of the whole plan, retries and fallbacks, and is everybody's. */
const OWN_TRY: ReadonlySet<ErrorKind> = new Set(['shutting-down', 'internal', 'upstream-total-timeout', 'client-closed'])
const TOO_SLOW = gatewayError('client-timeout', 'This answer ran too far ahead of its client, and what the client has not read could not be kept. Send the request again, or read faster.')

const OPEN = 0
const ENDED = 1
const BROKEN = 2

/**
 * One upstream call and all who read its answer: a client's sink for the call, a source for its readers. Each takes the bytes at its own pace, from the
 * beginning; the call runs at the pace of the fastest, and until the last has left.
 *
 *   open --more than is kept, nobody left--> sealed: nobody joins any more
 *     +------- the answer's end ----------> over: readers that are behind still get the rest
 */
export class Flight implements ClientSink {
  /** Known to the authority as this worker's. */
  registered = false
  readonly #dialect: Pick<RelayDialect, 'encodeStreamError'>
  readonly #memory: FlightMemory
  readonly #onSealed: (flight: Flight) => void
  readonly #readers = new Set<FlightReader>()
  /** The leading exchange; null = the answer comes from another worker, or nobody leads yet. */
  #x: Exchange | null = null
  #listener: ClientListener | null = null
  #runs = false
  #sealed = false
  #over = OPEN
  #kind: ErrorKind = 'internal'
  #head: AnswerHead | null = null
  #sharedHead: AnswerHead | null = null
  /** The answer, where it came in one piece: body, and what went wrong. */
  #whole: { readonly body: Buffer | string, readonly kind: ErrorKind | null } | null = null
  /** Latin1. The first one has the number `#base`. */
  #parts: string[] = []
  #first = ''
  #last = ''
  #base = 0
  #kept = 0
  #trimAt = TRIM_BYTES
  /** The call waits for a reader that is not full. */
  #paused = false

  /** `onSealed`: nobody can join it any more; called once. */
  constructor(dialect: Pick<RelayDialect, 'encodeStreamError'>, memory: FlightMemory, onSealed: (flight: Flight) => void) {
    this.#dialect = dialect
    this.#memory = memory
    this.#onSealed = onSealed
  }

  get listener(): ClientListener | null {
    return this.#listener
  }

  /** Whoever makes the call listens when it begins. */
  set listener(listener: ClientListener | null) {
    this.#listener = listener
    if (listener !== null) this.run()
  }

  /** Another worker makes the call, and will say when it runs. */
  source(listener: ClientListener): void {
    this.#listener = listener
  }

  /** The limits have let the call pass: those of whoever joins may speak now. Until then nobody takes of them what the call needs. */
  run(): void {
    if (this.#runs) return
    this.#runs = true
    for (const reader of this.#readers) reader.onRun()
  }

  /** Nobody is left. */
  get closed(): boolean {
    return this.#sealed && this.#readers.size === 0
  }

  get size(): number {
    return this.#readers.size
  }

  get over(): boolean {
    return this.#over !== OPEN
  }

  /** Whose call it is. */
  lead(x: Exchange): void {
    this.#x = x
  }

  /** False = it cannot be joined any more. */
  join(reader: FlightReader): boolean {
    if (this.#sealed) return false
    this.#readers.add(reader)
    if (this.#runs) reader.onRun()
    this.#serve(reader, false)
    this.#resume(reader)
    return true
  }

  /** A reader that was held is given what there is. */
  release(reader: FlightReader): void {
    reader.held = false
    // It was let go meanwhile.
    if (!this.#readers.has(reader)) return reader.retry()
    this.#serve(reader, false)
    this.#resume(reader)
  }

  /** A reader takes bytes again. */
  drained(reader: FlightReader): void {
    reader.full = false
    if (!this.#readers.has(reader)) return
    this.#serve(reader, false)
    this.#resume(reader)
  }

  /** A reader is gone. With the last one the call is given up. */
  leave(reader: FlightReader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return
    this.#seal()
    this.#forget()
    if (this.#over === OPEN) this.#listener?.onClose()
  }

  /** A reader becomes another one, which goes on where it was. */
  replace(reader: FlightReader, other: FlightReader): void {
    Object.assign(other, { at: reader.at, last: reader.last, full: reader.full, begun: reader.begun })
    this.#readers.delete(reader)
    this.#readers.add(other)
  }

  /** A reader goes without leaving. */
  detach(reader: FlightReader): void {
    this.#readers.delete(reader)
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    this.respondWith({ status, headers, leader: this.#x?.id ?? '', requestId: this.#x?.requestId ?? '' }, body, this.#x?.error ?? null)
  }

  respondWith(head: AnswerHead, body: Buffer | string, kind: ErrorKind | null): void {
    if (this.#over !== OPEN || this.#head !== null) return
    this.#head = head
    this.#whole = { body, kind }
    this.#finish(ENDED)
  }

  begin(status: number, headers: string): void {
    this.beginWith({ status, headers, leader: this.#x?.id ?? '', requestId: this.#x?.requestId ?? '' })
  }

  beginWith(head: AnswerHead): void {
    if (this.#over !== OPEN || this.#head !== null) return
    this.#head = head
    for (const reader of this.#readers) this.#serve(reader, true)
  }

  write(chunk: Buffer | string, more = false): boolean {
    if (this.#over !== OPEN || this.#head === null) return true
    const text = typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    if (text === '') return !this.#paused
    this.#keep(text)
    let flows = false
    let behind = false
    for (const reader of this.#readers) {
      this.#serve(reader, more)
      if (!reader.full && !reader.held) flows = true
      if (reader.at < this.#next) behind = true
    }
    if (this.#sealed) this.#trim(behind)
    this.#paused = !flows
    return flows
  }

  end(): void {
    if (this.#over === OPEN && this.#head !== null) this.#finish(ENDED)
  }

  abort(): void {
    this.breakOff(this.#x?.error ?? 'internal')
  }

  /** The bytes stop here. Who has none of them may try by itself. */
  breakOff(kind: ErrorKind): void {
    if (this.#over !== OPEN) return
    this.#kind = kind
    this.#finish(BROKEN)
  }

  /** Whoever gave the bytes is gone: a reader may go on with them; else who has some of them is told so in the stream. */
  lose(why: string): void {
    if (this.#over !== OPEN || this.#isTakenOver()) return
    if (this.#head !== null && EVENT_STREAM.test(this.#head.headers)) this.write(this.#dialect.encodeStreamError(gatewayError('internal', why), this.#sent(this.#last)), true)
    this.breakOff('internal')
  }

  /** How a reader's stream opened, and what it was given last: for an error event that goes on from there. */
  sentTo(reader: FlightReader): string {
    return this.#sent(reader.last)
  }

  #sent(last: string): string {
    return last === this.#first ? last : this.#first + last
  }

  /** Only who knows all that was said can go on with it. */
  #isTakenOver(): boolean {
    if (this.#head === null || this.#base > 0 || this.#parts.length === 0) return false
    const sent = this.#parts.join('')
    for (const reader of this.#readers) if (reader.takeOver(sent)) return true
    return false
  }

  get #next(): number {
    return this.#base + this.#parts.length
  }

  /** Made for the first who joins. */
  #headFor(reader: FlightReader, head: AnswerHead): AnswerHead {
    if (reader.leads) return head
    return this.#sharedHead ??= { ...head, headers: head.headers.split('\r\n').filter(line => SHARED.test(line)).map(line => `${line}\r\n`).join('') }
  }

  /** Gives a reader all that there is for it. */
  #serve(reader: FlightReader, more: boolean): void {
    if (reader.held && this.#runs) return
    if (this.#head === null) {
      if (this.#over !== OPEN) this.#turnAway(reader)
      return
    }
    if (this.#whole !== null) return this.#giveWhole(reader, this.#headFor(reader, this.#head), this.#whole)
    if (!reader.begun) {
      reader.begun = true
      reader.begin(this.#headFor(reader, this.#head))
    }
    const over = this.#over !== OPEN
    while (!reader.full && reader.at < this.#next) {
      const text = this.#parts[reader.at++ - this.#base] ?? ''
      reader.last = text
      reader.full = !reader.write(text, more || over || reader.at < this.#next)
    }
    if (!over || reader.at < this.#next) return
    this.#readers.delete(reader)
    if (this.#over === ENDED) reader.end()
    else reader.abort(this.#kind)
    if (this.#readers.size === 0) this.#forget()
  }

  #giveWhole(reader: FlightReader, head: AnswerHead, { body, kind }: { readonly body: Buffer | string, readonly kind: ErrorKind | null }): void {
    if (!reader.leads && kind !== null && OWN_TRY.has(kind)) return this.#turnAway(reader)
    this.#readers.delete(reader)
    reader.respond(head, body, kind)
  }

  #turnAway(reader: FlightReader): void {
    this.#readers.delete(reader)
    reader.retry()
  }

  #finish(how: number): void {
    this.#over = how
    this.#seal()
    for (const reader of this.#readers) this.#serve(reader, true)
    if (this.#readers.size === 0) this.#forget()
  }

  /** The call goes on where the fastest reader is ready. */
  #resume(reader: FlightReader): void {
    if (!this.#paused || reader.full || reader.held) return
    this.#paused = false
    this.#listener?.onDrain()
  }

  #keep(text: string): void {
    if (this.#first === '') this.#first = text
    this.#last = text
    this.#parts.push(text)
    this.#kept += text.length
    this.#memory.bytes += text.length
    if (this.#kept > JOIN_BYTES || this.#memory.bytes > this.#memory.limit) this.#seal()
  }

  #seal(): void {
    if (this.#sealed) return
    this.#sealed = true
    this.#onSealed(this)
  }

  /** Throws away what all readers have had; who keeps too much of it is let go. */
  #trim(behind: boolean): void {
    if (!behind) return this.#forget()
    const most = this.#memory.bytes > this.#memory.limit ? BEHIND_BYTES_SHORT : BEHIND_BYTES
    if (this.#kept < this.#trimAt && this.#kept <= most) return
    for (let slowest = this.#dropRead(); slowest !== null && this.#kept > most; slowest = this.#dropRead()) this.#letGo(slowest)
    this.#trimAt = Math.max(TRIM_BYTES, 2 * this.#kept)
  }

  /** Returns the reader that is furthest behind; null = there is none. */
  #dropRead(): FlightReader | null {
    let slowest: FlightReader | null = null
    for (const reader of this.#readers) if (slowest === null || reader.at < slowest.at) slowest = reader
    const read = (slowest?.at ?? this.#next) - this.#base
    const gone = this.#parts.splice(0, read).reduce((sum, { length }) => sum + length, 0)
    this.#base += read
    this.#kept -= gone
    this.#memory.bytes -= gone
    return slowest
  }

  #letGo(reader: FlightReader): void {
    this.#readers.delete(reader)
    if (reader.held) return
    if (!reader.begun) return reader.retry()
    if (this.#head !== null && EVENT_STREAM.test(this.#head.headers)) reader.write(this.#dialect.encodeStreamError(TOO_SLOW, this.sentTo(reader)), true)
    reader.abort(TOO_SLOW.kind)
  }

  #forget(): void {
    this.#base = this.#next
    this.#parts = []
    this.#memory.bytes -= this.#kept
    this.#kept = 0
    this.#trimAt = TRIM_BYTES
  }
}
