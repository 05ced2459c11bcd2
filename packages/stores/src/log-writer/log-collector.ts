import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isRunning, type SegmentRecord } from '@headrace/bytes'
import type { CallRecord, LedgerStore, LogStore } from '@headrace/contract'
import { ledgerEntry } from '../ledger/ledger-rules.ts'
import { callIdOf, callRecord, isIntent, upgradedRecord } from './call-record.ts'
import { SegmentFile } from './segment-file.ts'

export interface CollectorOptions {
  readonly directory: string
  readonly store: LogStore
  /** What calls cost; left out = nobody keeps accounts. */
  readonly ledger?: LedgerStore
  /** Hears of every batch of rows after it is stored. */
  readonly onStored: (records: readonly CallRecord[]) => void
  /** Hears, in words, of damage that was skipped. */
  readonly onProblem: (problem: string) => void
}

/** All files of one journal. */
interface Source {
  readonly segments: SegmentFile[]
  /** Identity of the writing process; '' = its record is not there (yet). */
  owner: string
  dead: boolean
}

const ROWS_PER_TRANSACTION = 500
const SEGMENT_NAME = /^(.+)-\d{8}\.seg$/
/** A file without an owner's record is a dead writer's only when it is older than the moment between opening and writing, ms. */
const OWNERLESS_MS = 10_000

/**
 * Turns segments into rows, exactly once: pairs intents with what came of them, stores rows and the reader's position in one transaction,
 * deletes a file when all of it is stored. After any failure a new collector over the same directory and store goes on where this one was:
 * what is read twice is recognised by `callId`.
 */
export class LogCollector {
  readonly #options: CollectorOptions
  readonly #sources = new Map<string, Source>()
  readonly #positions: ReadonlyMap<string, number>
  #rows: CallRecord[] = []
  damagedBytes = 0

  constructor(options: CollectorOptions) {
    this.#options = options
    this.#positions = new Map(options.store.checkpoints().map(({ segment, offset }) => [segment, offset]))
  }

  /** The writer of these files is gone: what it began and did not settle is `unknown` once its last bytes are read. */
  exited(prefix: string): void {
    this.#list()
    const source = this.#sources.get(prefix)
    if (source !== undefined) source.dead = true
  }

  /** Reads what is there. Yields after each transaction, so that a caller can do other things in between. */
  * pass(): Generator<void> {
    this.#list()
    for (const source of this.#sources.values()) {
      // Asked before reading: what is read after the writer's end is all there is.
      for (const [index, segment] of source.segments.entries()) {
        if (!segment.finished) yield* this.#read(source, segment, source.dead || index < source.segments.length - 1)
      }
      if (source.dead) this.#giveUpPending(source)
      this.#deleteFinished(source)
    }
    for (const [prefix, source] of this.#sources) if (source.dead && source.segments.length === 0) this.#sources.delete(prefix)
  }

  /** Marks the sources whose process no longer runs. */
  findDead(): void {
    this.#list()
    for (const source of this.#sources.values()) {
      if (source.owner === '') source.owner = ownerOf(source.segments[0]?.path)
      if (source.owner !== '') source.dead ||= !isRunning(source.owner)
      else source.dead ||= source.segments.every(segment => Date.now() - this.#modified(segment) > OWNERLESS_MS)
    }
  }

  /** After a restart: intents read again whose rows are stored already are settled, even if the record that settled them is deleted. */
  dropKnown(): void {
    for (const source of this.#sources.values()) {
      for (const segment of source.segments) {
        for (const callId of segment.pending.keys()) if (this.#options.store.find(callId) !== null) segment.pending.delete(callId)
      }
    }
  }

  #list(): void {
    for (const name of readdirSync(this.#options.directory).sort()) {
      const prefix = SEGMENT_NAME.exec(name)?.[1]
      if (prefix === undefined) continue
      const source = this.#sources.get(prefix) ?? { segments: [], owner: '', dead: false }
      this.#sources.set(prefix, source)
      const last = source.segments.at(-1)
      if (last !== undefined && name <= last.name) continue
      source.segments.push(new SegmentFile(name, join(this.#options.directory, name), this.#positions.get(name) ?? 0))
    }
  }

  * #read(source: Source, segment: SegmentFile, closed: boolean): Generator<void> {
    for (let step = segment.next(closed); step.kind !== 'end'; step = segment.next(closed)) {
      if (step.kind === 'foreign') {
        segment.foreign = true
        this.#options.onProblem(`Segment ${segment.name} has format version ${step.version}, which this Headrace does not read. It is left alone: start the version that wrote it once, so that it finishes the file.`)
        break
      }
      if (step.kind === 'damage') {
        this.damagedBytes += step.bytes
        this.#options.onProblem(`${step.bytes} bytes of segment ${segment.name} are torn or damaged and were skipped.`)
        continue
      }
      for (const record of step.records) this.#take(source, segment, record, step.at)
      if (this.#rows.length < ROWS_PER_TRANSACTION) continue
      this.#commit(segment)
      yield
    }
    segment.finished = closed || segment.foreign
    this.#commit(segment)
  }

  #take(source: Source, segment: SegmentFile, record: SegmentRecord, offset: number): void {
    if (record[0] === 'o') return
    const callId = callIdOf(record)
    if (isIntent(record)) {
      segment.pending.set(callId, { offset, intent: record })
      return
    }
    const intent = takePending(source, callId)
    if (record[0] === 'r') this.#rows.push(callRecord(record, record))
    else if (intent !== null) this.#rows.push(callRecord(intent, record))
    else this.#takeLate(callId, record)
  }

  /** A settled record whose intent is not in memory: read again after a restart, or its call was given up, or its intent was damaged. */
  #takeLate(callId: string, record: SegmentRecord): void {
    const stored = this.#options.store.find(callId)
    if (stored === null) this.#options.onProblem(`Call ${callId} was settled, but its intent is lost; it is not counted.`)
    else if (stored.outcome === 'unknown') this.#rows.push(upgradedRecord(stored, record))
  }

  #commit(segment: SegmentFile): void {
    if (this.#rows.length === 0) return
    const rows = this.#rows
    this.#rows = []
    // Money first: the position that moves with the rows says that the ledger has them too. What is told to it again after a crash in between changes nothing.
    this.#options.ledger?.append(rows.map(ledgerEntry).filter(entry => entry !== null))
    this.#options.store.append(rows, { segment: segment.name, offset: segment.lowWater })
    this.#options.onStored(rows)
  }

  #giveUpPending(source: Source): void {
    for (const segment of source.segments) {
      for (const { intent } of segment.pending.values()) this.#rows.push(callRecord(intent, null))
      segment.pending.clear()
      this.#commit(segment)
    }
  }

  #deleteFinished(source: Source): void {
    const done = source.segments.filter(segment => segment.finished && !segment.foreign && segment.pending.size === 0)
    if (done.length === 0) return
    for (const segment of done) {
      rmSync(join(this.#options.directory, segment.name), { force: true })
      source.segments.splice(source.segments.indexOf(segment), 1)
    }
    this.#options.store.forget(done.map(segment => segment.name))
  }

  #modified(segment: SegmentFile): number {
    return statSync(join(this.#options.directory, segment.name), { throwIfNoEntry: false })?.mtimeMs ?? 0
  }
}

/** Who writes this file: asked of its first batch, because reading may have begun behind it. */
function ownerOf(path: string | undefined): string {
  if (path === undefined) return ''
  const file = new SegmentFile('', path, 0)
  const first = file.next(false)
  const record = first.kind === 'records' ? first.records[0] : undefined
  return record !== undefined && record[0] === 'o' ? String(record[1]) : ''
}

/** Newest file first: most calls settle soon after they began. */
function takePending(source: Source, callId: string): SegmentRecord | null {
  for (let index = source.segments.length - 1; index >= 0; index--) {
    const pending = source.segments[index]?.pending
    const found = pending?.get(callId)
    if (found === undefined) continue
    pending?.delete(callId)
    return found.intent
  }
  return null
}
