import { closeSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { BATCH_HEADER_BYTES, processIdentity, sealBatch, segmentText } from '@headrace/bytes'
import { gatewayError, type CallKind, type Exchange, type GatewayError, type Outcome } from '@headrace/contract'
import { intentFields, settledFields } from './segment-fields.ts'

/** Waits for its intent to be on file. Exactly one of the two is called, once. */
export interface IntentHolder {
  proceed(): void
  /** The log cannot be written, so the call must not be sent (`overloaded`): no provider is paid without a record. */
  refuse(error: GatewayError): void
}

export interface Journal {
  /** Queues the attempt's intent; the holder hears when this turn's batch is written. Proceeds at once when the log is off. */
  intent(exchange: Exchange, holder: IntentHolder): void
  /** One attempt ended, or a request was refused. Rides on the next turn's write, at the latest 50 ms later. */
  settle(exchange: Exchange, outcome: Outcome, final: boolean): void
  /** Writes what is queued. */
  flush(): void
  /** Writes what is queued and closes the file. */
  close(): void
}

export interface JournalOptions {
  readonly directory: string
  /** Begins the names of the files that this journal alone writes; unique over restarts. */
  readonly prefix: string
  /** A file that is this long (bytes, default 8 MiB) or old (ms, default 60 s) is followed by another. */
  readonly rotateBytes?: number
  readonly rotateMs?: number
  /** Bytes of this journal's files that may wait for the log writer; above it calls are refused. Default 4 GiB. */
  readonly maxTotalBytes?: number
}

/** What an intent is marked with: see `segment.ts`. */
const MARKS = Object.freeze({ call: 'i', hedge: 'h', shadow: 'w' } as const satisfies Record<CallKind, string>)
const SETTLE_WITHIN_MS = 50
const RETRY_MS = 1000
/** Settled records kept for a disk that comes back; beyond it they are dropped, and their calls become `unknown`. */
const HELD_SETTLED = 4 * 1024 * 1024

/** Starts a worker's journal. Opens no file before the first record. */
export function createJournal(options: JournalOptions): Journal {
  return new SegmentJournal(options)
}

/**
 * Writes call-log segments: one write call per event-loop turn for all requests of the turn.
 * After a failed write the file is abandoned, never retried as if clean; a new one is tried at most once per second.
 */
class SegmentJournal implements Journal {
  readonly #directory: string
  readonly #prefix: string
  readonly #rotateBytes: number
  readonly #rotateMs: number
  readonly #maxTotalBytes: number
  #buffer = Buffer.allocUnsafe(64 * 1024)
  #file = -1
  #sequence = 0
  #fileBytes = 0
  #openedAt = 0
  /** Bytes on disk when last counted, and written since. */
  #backlog = 0
  /** Monotonic ms; until then the disk is not tried again. */
  #pausedUntil = 0
  #failure = ''
  #intents = ''
  #settled = ''
  #holders: IntentHolder[] = []
  #turnQueued = false
  #timerArmed = false
  /** True while holders are told of a failed write: what they settle has no intent on file. */
  #refusing = false
  readonly #onTurn = (): void => {
    this.#turnQueued = false
    this.flush()
  }
  readonly #onTimer = (): void => {
    this.#timerArmed = false
    if (this.#settled !== '') this.flush()
  }

  constructor(options: JournalOptions) {
    this.#directory = options.directory
    this.#prefix = options.prefix
    this.#rotateBytes = options.rotateBytes ?? 8 * 1024 * 1024
    this.#rotateMs = options.rotateMs ?? 60_000
    this.#maxTotalBytes = options.maxTotalBytes ?? 4 * 1024 ** 3
  }

  intent(x: Exchange, holder: IntentHolder): void {
    if (!x.snapshot.policy.logCalls) return holder.proceed()
    this.#intents += `["${MARKS[x.kind]}","${x.id}",${x.attempts},${intentFields(x)}]\n`
    this.#holders.push(holder)
    if (this.#turnQueued) return
    this.#turnQueued = true
    setImmediate(this.#onTurn)
  }

  settle(x: Exchange, outcome: Outcome, final: boolean): void {
    if (!x.snapshot.policy.logCalls || (this.#failure !== '' && this.#settled.length > HELD_SETTLED)) return
    this.#settled += outcome === 'refused' || outcome === 'answered' || outcome === 'coalesced' || this.#refusing
      ? `["r","${x.id}",${x.attempts},${intentFields(x)},${settledFields(x, this.#refusing ? 'refused' : outcome, final)}]\n`
      : `["s","${x.id}",${x.attempts},${settledFields(x, outcome, final)}]\n`
    if (!this.#turnQueued) this.#arm(SETTLE_WITHIN_MS)
  }

  flush(): void {
    // Intents first: a client that leaves in the turn in which its call began settles it in the same batch.
    const text = this.#intents + this.#settled
    if (text === '') return
    const holders = this.#holders
    this.#holders = []
    this.#intents = ''
    if (this.#write(text)) {
      this.#settled = ''
      this.#failure = ''
      for (const holder of holders) holder.proceed()
      return
    }
    const error = gatewayError('overloaded', `The call log cannot be written (${this.#failure}), and no call is sent without a record. Free space in the data directory or start the log writer; service resumes by itself.`, { retryAfterMs: RETRY_MS })
    // Records that could not be written try again without waiting for traffic.
    this.#arm(RETRY_MS)
    this.#refusing = true
    for (const holder of holders) holder.refuse(error)
    this.#refusing = false
  }

  close(): void {
    this.flush()
    this.#abandon()
  }

  #arm(ms: number): void {
    if (this.#timerArmed) return
    this.#timerArmed = true
    setTimeout(this.#onTimer, ms)
  }

  /** False = not, or not wholly, on file. */
  #write(text: string): boolean {
    const now = performance.now()
    if (now < this.#pausedUntil) return false
    try {
      if (this.#file === -1 || this.#fileBytes >= this.#rotateBytes || now - this.#openedAt >= this.#rotateMs) this.#open(now)
      this.#writeBatch(text)
      return true
    } catch (error) {
      this.#failure = error instanceof Error && 'code' in error ? String(error.code) : 'unexpected failure'
      this.#pausedUntil = now + RETRY_MS
      this.#abandon()
      return false
    }
  }

  #writeBatch(text: string): void {
    const room = BATCH_HEADER_BYTES + text.length
    if (room > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(room * 2)
    this.#buffer.write(text, BATCH_HEADER_BYTES, 'latin1')
    const size = sealBatch(this.#buffer, text.length)
    // A full disk shows as a short write first: the second call then tells why.
    for (let written = 0; written < size;) written += writeSync(this.#file, this.#buffer, written, size - written)
    this.#fileBytes += size
    this.#backlog += size
  }

  #open(now: number): void {
    this.#abandon()
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    this.#checkBacklog()
    const name = `${this.#prefix}-${String(++this.#sequence).padStart(8, '0')}.seg`
    this.#file = openSync(join(this.#directory, name), 'ax', 0o600)
    this.#fileBytes = 0
    this.#openedAt = now
    this.#writeBatch(`["o",${segmentText(processIdentity(process.pid))}]\n`)
  }

  /** Files are counted only when one is opened: the bound is kept to within one file's length. */
  #checkBacklog(): void {
    if (this.#backlog < this.#maxTotalBytes) return
    this.#backlog = 0
    for (const name of readdirSync(this.#directory)) {
      if (name.startsWith(this.#prefix + '-')) this.#backlog += statSync(join(this.#directory, name), { throwIfNoEntry: false })?.size ?? 0
    }
    if (this.#backlog >= this.#maxTotalBytes) throw Object.assign(new Error('The log writer is behind.'), { code: 'the log writer is too far behind' })
  }

  #abandon(): void {
    if (this.#file === -1) return
    const file = this.#file
    this.#file = -1
    try {
      closeSync(file)
    } catch {
      // Nothing can be done about it: what the file holds is judged batch by batch by its reader.
    }
  }
}
