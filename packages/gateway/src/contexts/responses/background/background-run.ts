import { randomBytes } from 'node:crypto'
import { JsonView, utf8AsLatin1 } from '@headrace/bytes'
import { ERROR_POLICY, etagOf, gatewayError, type ClientListener, type ClientSink, type ContextDraft, type ContextOwner, type ContextPlace, type ContextState, type GatewayError, type StoredItem } from '@headrace/contract'
import { isUnfinished, readRecord, wholeResponse, withStatus, writeRecord } from '../response-record.ts'
import { EventLog, newEventLog } from './event-log.ts'
import { endEvent, failureJson, failureOf, isEnding, sequenceOf, splitEvents } from './response-events.ts'

export interface RunFacts {
  readonly owner: ContextOwner
  readonly tenant: string
  /** Of the response. */
  readonly id: string
  /** Identity of this process. */
  readonly runner: string
  readonly ttlMs: number
  /** Of all events together. */
  readonly maxBytes: number
  /** The response as it begins, a JSON object in latin1. */
  readonly response: string
  /** Where its output begins. */
  readonly output: ContextPlace
}

/** One question at the owner waits so long, ms. */
const WATCH_MS = 15_000
/** The owner is asked again after this, ms. */
const AGAIN_MS = 500

/** What a client hears of a request that was refused before it began. */
export interface RefusedAtOnce { readonly status: number, readonly headers: string, readonly body: string }

/**
 * A response that runs on by itself: it takes the answer in its client's place. How it stands is on file before anybody is told, what it says is kept as events
 * for whoever wants to hear it; somebody else's word that it is cancelled, or its deletion, ends it.
 */
export class BackgroundRun implements ClientSink {
  readonly #facts: RunFacts
  readonly #log: EventLog
  readonly #token = randomBytes(9).toString('base64url')
  #state: ContextState | null = null
  #response: string
  #changes = 0
  #writing: Promise<unknown> = Promise.resolve()
  #sequence = -1
  #bytes = 0
  /** From the event on with which it ends. */
  #ending = ''
  #over = false
  #done = Promise.withResolvers<void>()
  listener: ClientListener | null = null
  closed = false
  /** It was refused by the gateway itself, or by everybody who was asked. */
  refused: RefusedAtOnce | null = null

  constructor(facts: RunFacts) {
    this.#facts = facts
    this.#response = facts.response
    this.#log = new EventLog(facts.owner, facts.tenant, facts.id)
  }

  /** Resolves when all that there is to say of it is on file. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** As its client is told of it; latin1. */
  get begun(): string {
    return this.#facts.response
  }

  /** Puts it on file as it begins. `make`: creates its context of this draft. False = it cannot be. */
  async create(items: readonly StoredItem[], make: (draft: ContextDraft) => ReturnType<ContextOwner['create']>): Promise<boolean> {
    const { owner, tenant, id, ttlMs } = this.#facts
    await owner.create(tenant, newEventLog(id, ttlMs))
    const made = await make({ id, kind: 'response', ttlMs, metadata: '', settings: this.#settings(this.#response), items })
    if (made.kind === 'done') this.#state = made.state
    else await this.remove()
    return made.kind === 'done'
  }

  /** From now on it ends when somebody says so. */
  watch(): void {
    void this.#watch()
  }

  async remove(): Promise<void> {
    const { owner, tenant, id } = this.#facts
    await Promise.all([owner.remove(tenant, id), owner.remove(tenant, newEventLog(id, null).id)]).catch(() => undefined)
  }

  /** It has ended whole: false = it is cancelled, or gone. `response`: with its output. */
  async complete(response: string, output: readonly StoredItem[]): Promise<boolean> {
    return this.#change(response, output)
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    if (this.#over) return
    const text = typeof body === 'string' ? body : body.latin1Slice()
    // A whole answer is on file already.
    if (status < 300) return this.#finish(text)
    this.refused = { status, headers, body: text }
    void this.#fail(failureJson(JsonView.parse(text)?.get('error')))
  }

  begin(): void {
    void this.#change(withStatus(this.#response, 'in_progress'), [])
  }

  write(chunk: Buffer | string): boolean {
    if (this.#over) return true
    let told = ''
    for (const event of splitEvents(typeof chunk === 'string' ? chunk : chunk.latin1Slice())) {
      if (event.trim() === '' || event.startsWith('data: [DONE]')) continue
      if (this.#ending !== '' || isEnding(event)) this.#ending += event
      else told += event
      this.#sequence = Math.max(this.#sequence, sequenceOf(event))
    }
    this.#bytes += told.length
    if (this.#bytes > this.#facts.maxBytes) {
      this.#leave()
      void this.#fail(errorJson(gatewayError('body-too-large', 'The response has become larger than this gateway keeps.')))
    } else this.#log.append(told)
    return true
  }

  end(): void {
    if (this.#over) return
    const failure = failureOf(this.#ending)
    if (failure !== null || this.#ending === '') void this.#fail(failure ?? errorJson(BROKEN))
    else this.#finish('')
  }

  abort(): void {
    if (!this.#over) void this.#fail(failureOf(this.#ending) ?? errorJson(BROKEN))
  }

  /** The gateway stops. */
  shutdown(): void {
    this.listener?.onShutdown()
    if (!this.#over) void this.#fail(errorJson(gatewayError('shutting-down', 'The gateway was stopped before the response was done. Send the request again.')))
  }

  /** Nobody wants it any more: the upstream is told to stop. */
  #leave(): void {
    this.closed = true
    this.listener?.onClose()
  }

  /** `response`: an answer that came as one; '' = its last events say how it ended. */
  #finish(response: string): void {
    this.#over = true
    const status = JsonView.parse(response)?.get('status').string ?? 'completed'
    void this.#log.end(response === '' ? this.#ending : endEvent(status, response, this.#sequence + 1)).finally(this.#done.resolve)
  }

  async #fail(error: string): Promise<void> {
    if (this.#over) return
    this.#over = true
    try {
      const response = withStatus(this.#response, 'failed', error)
      if (!await this.#change(response, [])) return await this.#endAsTold()
      const own = this.#ending.includes('response.failed') ? this.#ending : this.#ending + endEvent('failed', wholeResponse({ response }, []), this.#sequence + 1)
      await this.#log.end(own)
    } catch {
      // Whoever asks for it when this process has ended finds it failed.
    } finally {
      this.#done.resolve()
    }
  }

  /** Somebody else has said how it ended. */
  async #endAsTold(): Promise<void> {
    const { owner, tenant, id } = this.#facts
    const record = readRecord((await owner.state(tenant, id))?.settings ?? '')
    if (record === null || isUnfinished(record)) return
    const status = JsonView.parse(record.response)?.get('status').string ?? 'cancelled'
    await this.#log.end(endEvent(status, wholeResponse(record, []), this.#sequence + 1))
  }

  async #watch(): Promise<void> {
    const { owner, tenant, id } = this.#facts
    while (!this.#over) {
      try {
        const state = await owner.next(tenant, id, this.#state?.version ?? 0, WATCH_MS) ?? await owner.state(tenant, id)
        if (this.#over) return
        if (state === null || (state.version > 1 && !state.turn.startsWith(this.#token))) return this.#cancelled()
        if (this.#state === null || state.version > this.#state.version) this.#state = state
      } catch {
        await new Promise<void>(resolve => { setTimeout(resolve, AGAIN_MS).unref() })
      }
    }
  }

  #cancelled(): void {
    this.#over = true
    this.#leave()
    void this.#endAsTold().catch(() => undefined).finally(this.#done.resolve)
  }

  /** One after the other. False = what is on file is not what this run has put there. */
  #change(response: string, append: readonly StoredItem[]): Promise<boolean> {
    const { owner, tenant, id } = this.#facts
    const changed = this.#writing.then(async () => {
      if (this.#state === null) return false
      const outcome = await owner.change(tenant, id, { expect: { etag: etagOf(this.#state) }, turn: `${this.#token}${++this.#changes}`, append, settings: this.#settings(response) }, '')
      if (outcome.kind !== 'done') return false
      this.#state = outcome.state
      this.#response = response
      return true
    })
    this.#writing = changed.catch(() => undefined)
    return changed
  }

  #settings(response: string): string {
    const { output, runner } = this.#facts
    return writeRecord({ output, response, runner })
  }
}

const BROKEN = gatewayError('upstream-truncated', 'The answer broke off.')

const errorJson = ({ kind, message }: GatewayError): string => utf8AsLatin1(JSON.stringify({ code: ERROR_POLICY[kind].status === 429 ? 'rate_limit_exceeded' : 'server_error', message }))
