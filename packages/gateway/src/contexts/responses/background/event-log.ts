import { randomBytes } from 'node:crypto'
import type { ContextDraft, ContextOwner } from '@headrace/contract'

/**
 * The events of a response in the background are kept in a context of their own: its items are as many events as came at a time, the very bytes that clients
 * get, whenever they ask and through whichever worker. Its settings say when the last one is there.
 */
export const eventLogId = (responseId: string): string => `evts_${responseId.slice('resp_'.length)}`
export const LOG_ENDED = '{"ended":true}'

export const newEventLog = (responseId: string, ttlMs: number | null): ContextDraft =>
  ({ id: eventLogId(responseId), kind: 'events', ttlMs, metadata: '', settings: '', items: [] })

/** Time between two writes: what comes meanwhile goes together, ms. */
const WRITE_EVERY_MS = 20
/** A write that fails is made again, so often; what is not on file then is only in the response. */
const TRIES = 5

interface Batch { readonly turn: string, readonly text: string, readonly ends: boolean }

/** Writes a response's events, in their order, without anybody waiting for it but the end. */
export class EventLog {
  readonly #owner: ContextOwner
  readonly #tenant: string
  readonly #id: string
  #pending = ''
  #writing: Promise<void> | null = null
  #failed = false

  constructor(owner: ContextOwner, tenant: string, responseId: string) {
    this.#owner = owner
    this.#tenant = tenant
    this.#id = eventLogId(responseId)
  }

  /** Whole events; latin1. */
  append(events: string): void {
    if (events === '' || this.#failed) return
    this.#pending += events
    this.#writing ??= this.#write().finally(() => { this.#writing = null })
  }

  /** The last events. Resolves when all are on file, or are not going to be. */
  async end(events: string): Promise<void> {
    while (this.#writing !== null) await this.#writing
    if (!this.#failed) await this.#put({ turn: newTurn(), text: this.#pending + events, ends: true })
  }

  async #write(): Promise<void> {
    while (this.#pending !== '' && !this.#failed) {
      const text = this.#pending
      this.#pending = ''
      await this.#put({ turn: newTurn(), text, ends: false })
      await pause(WRITE_EVERY_MS)
    }
  }

  async #put({ turn, text, ends }: Batch): Promise<void> {
    const append = text === '' ? [] : [{ bytes: Buffer.from(text, 'latin1'), text: '' }]
    for (let left = TRIES; left > 0; left--) {
      const outcome = await this.#owner.change(this.#tenant, this.#id, { expect: null, turn, append, ...(ends ? { settings: LOG_ENDED } : {}) }, '').catch(() => null)
      if (outcome?.kind === 'done') return
      // Deleted, or full: nobody reads what would come.
      if (outcome !== null) break
      await pause(WRITE_EVERY_MS * 10)
    }
    this.#failed = true
  }
}

const newTurn = (): string => randomBytes(9).toString('base64url')
const pause = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms) })
