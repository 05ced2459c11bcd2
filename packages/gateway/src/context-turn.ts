import { randomBytes } from 'node:crypto'
import {
  etagOf, gatewayError,
  type ClientListener, type ClientSink, type ContextBegun, type ContextOwner, type ContextPolicy, type ContextReading, type ContextState, type DialectId, type GatewayError, type Item, type RelayDialect, type StoredItem, type TranslatingDialect,
} from '@headrace/contract'
import { answerItems } from './contexts/answer-items.ts'
import { assembleBody } from './contexts/assembled-body.ts'
import { itemOf, storedItem } from './contexts/canonical-item.ts'
import { isContextId, newContextId } from './contexts/context-id.ts'
import { HeldSink, type AnswerKeeper, type Refused } from './contexts/held-sink.ts'
import type { HotCache } from './contexts/hot-cache.ts'
import type { BackgroundRuns } from './contexts/responses/background/background-runs.ts'
import { COLD, type HotContext } from './contexts/hot-contexts.ts'
import { keepTools, keptTools } from './contexts/kept-tools.ts'
import { extendRendering, wholeText, type RenderItems, type Rendering, type Speech } from './contexts/runs.ts'

/** How a dialect's requests carry a conversation. */
export interface ContextDialect extends Speech {
  /** The member that holds the messages. */
  readonly member: string
  /** The member for what is said apart from the messages; null = nothing is. */
  readonly apart: { readonly member: string, readonly render: RenderItems } | null
  /** How the event that ends a stream begins. */
  readonly ending: string
}

export interface ContextLayers {
  readonly owner: ContextOwner
  readonly runs: BackgroundRuns
  readonly hot: HotCache<HotContext>
  readonly dialects: Partial<Readonly<Record<DialectId, ContextDialect>>>
}

/** What a client says of the context in its headers. */
export interface ContextHeaders {
  /** `headrace-context`: an id, or `new`. */
  readonly id: string
  /** `If-Match`; null = it does not mind what is there. */
  readonly ifMatch: string | null
}

export interface ContextTurnFacts extends ContextHeaders {
  readonly tenant: string
  readonly relay: RelayDialect
  readonly translating: TranslatingDialect
  readonly body: Buffer
  readonly requestId: string
  readonly policy: ContextPolicy
  /** The longest that a request of this plan may run, ms. */
  readonly longestMs: number
}

/** What becomes of it: exactly one of these is called, once. */
export interface ContextOutcomes {
  /** The whole request; `head` is the same without messages. Its answer goes through this sink. */
  go(body: { readonly head: string, readonly whole: string }, sink: ClientSink): void
  /** `members`: of the error's body, before its own; JSON text ending in a comma. `headers`: lines. */
  refuse(error: GatewayError, headers: string, members: string): void
  /** The client left before anything else. */
  left(): void
}

const NEW = 'new'
/** A turn is held a little longer than its request may run, ms. */
const HOLD_MARGIN_MS = 30_000
const DROPPED_CHARACTERS = 512

/**
 * One turn of a conversation that the gateway remembers: the client's new messages and the answer are appended together, or not at all. The context is held
 * meanwhile: two turns never mix.
 */
export class ContextTurn implements ClientListener, AnswerKeeper {
  readonly passesLarge = false
  readonly #layers: ContextLayers
  readonly #facts: ContextTurnFacts
  readonly #outcomes: ContextOutcomes
  readonly #sink: ClientSink
  /** Names the turn at the owner, and the version that it makes. */
  readonly #token = randomBytes(9).toString('base64url')
  readonly #id: string
  readonly #isNew: boolean
  #over = false
  #reading: ContextReading | null = null
  #rendering: Rendering = COLD.rendering
  #call: readonly Item[] = []
  #fresh: readonly StoredItem[] = []
  #settings = ''
  #unheld = ''

  constructor(layers: ContextLayers, facts: ContextTurnFacts, sink: ClientSink, outcomes: ContextOutcomes) {
    this.#layers = layers
    this.#facts = facts
    this.#sink = sink
    this.#outcomes = outcomes
    this.#isNew = facts.id === NEW
    this.#id = this.#isNew ? newContextId() : facts.id
  }

  start(): void {
    const { translating, body } = this.#facts
    if (this.#sink.closed) return this.#outcomes.left()
    if (this.#dialect === undefined) return this.#refuse(gatewayError('invalid-request', 'This API does not take the header headrace-context; Chat Completions and Messages do.', { param: 'headrace-context' }))
    if (!this.#isNew && !isContextId(this.#id)) return this.#refuse(UNKNOWN)
    const call = translating.decodeRequest(body)
    if (!call.ok) return this.#refuse(call.error)
    if (call.value.choices > 1) return this.#refuse(gatewayError('invalid-request', 'One answer goes on in a context: ask for one (n = 1).', { param: 'n' }))
    this.#call = call.value.items
    this.#unheld = call.value.unheld.filter(field => field.startsWith('messages') || field.startsWith('system')).join(', ').slice(0, DROPPED_CHARACTERS)
    this.#sink.listener = this
    void this.#begin().catch(() => this.#end(gatewayError('overloaded', 'Contexts cannot be looked up right now, so the request was not run. Send it again.', { retryAfterMs: 1_000 })))
  }

  onDrain(): void {}

  onClose(): void {
    if (this.#stop()) this.#outcomes.left()
  }

  onShutdown(): void {
    this.#end(gatewayError('shutting-down', 'The gateway is shutting down. Send the request again.'))
  }

  headers(): string {
    const etag = this.#reading === null ? etagOf({ version: 1, turn: '' }) : etagOf({ version: this.#reading.state.version + 1, turn: this.#token })
    return `headrace-context: ${this.#id}\r\netag: ${etag}\r\n${this.#unheld === '' ? '' : `headrace-dropped: ${this.#unheld}\r\n`}`
  }

  async keep(stream: boolean, answer: string): Promise<Refused | null> {
    const { translating } = this.#facts
    const items = answerItems(translating.createDecoder(stream), Buffer.from(answer, 'latin1'))
    if (items === null) {
      await this.#release()
      return this.#unkept(gatewayError('upstream-truncated', 'The answer was not whole, so it is not kept in its context.'))
    }
    const kept = items.map(storedItem)
    try {
      const outcome = await this.#write([...this.#fresh, ...kept])
      if (outcome.kind === 'stale') return this.#unkept(LOST, this.#missed(outcome.reading))
      if (outcome.kind !== 'done') return this.#unkept(WRITE_REFUSED[outcome.kind] ?? LOST)
      this.#warm(outcome.state, this.#extend(this.#rendering, kept))
      return null
    } catch {
      return this.#unkept(gatewayError('overloaded', 'It is not known whether the answer is kept in its context. Read the context before you send the request again.', { retryAfterMs: 1_000 }))
    }
  }

  /** Whoever is told of the failure may come again at once, through any worker. */
  async drop(): Promise<void> {
    await this.#release()
  }

  async #begin(): Promise<void> {
    const { tenant, ifMatch, longestMs } = this.#facts
    const hot = this.#isNew ? COLD : this.#layers.hot.get(this.#key()) ?? COLD
    const begun: ContextBegun | null = this.#isNew ? null : await this.#layers.owner.begin(tenant, this.#id, {
      token: this.#token, holdMs: longestMs + HOLD_MARGIN_MS, known: hot.place.seq === 0 ? null : hot.place, expect: ifMatch === null || ifMatch === '*' ? null : { etag: ifMatch },
    })
    if (this.#over) return this.#release()
    if (begun === null) return this.#go(COLD.rendering, '')
    switch (begun.kind) {
      case 'unknown': return this.#end(UNKNOWN)
      case 'held': return this.#end(gatewayError('context-busy', 'Another request is at work on this context. Send it again when that one is answered.', { param: 'headrace-context', retryAfterMs: 1_000 }))
      case 'stale': return this.#stale(begun.reading)
      case 'begun': {
        this.#reading = begun.reading
        const { state, from, items } = begun.reading
        const rendering = this.#extend(from === 0 ? COLD.rendering : hot.rendering, items)
        this.#warm(state, rendering)
        return this.#go(rendering, state.settings)
      }
    }
  }

  #go(before: Rendering, settings: string): void {
    const { translating, body, policy } = this.#facts
    const dialect = this.#dialect
    if (dialect === undefined) return
    // What is said apart holds from the first turn on; a request that says it otherwise says it for itself.
    const said = before.apart.length === 0 ? this.#call : this.#call.filter(item => dialect.speakerOf(item) !== '')
    this.#fresh = said.map(storedItem)
    const rendering = this.#rendering = this.#extend(before, this.#fresh)
    const text = body.latin1Slice()
    this.#settings = keepTools(settings, translating.id, text)
    const apart = dialect.apart === null ? {} : { [dialect.apart.member]: dialect.apart.render(rendering.apart) }
    const assembled = assembleBody(text, dialect.member, wholeText(rendering, dialect), { tools: keptTools(settings, translating.id), ...apart })
    if (assembled.whole.length > policy.maxBytes) {
      return this.#end(gatewayError('body-too-large', `This context has become larger than this gateway keeps (${policy.maxBytes} bytes). Go on in a new one, or raise contexts.max_size.`, { param: 'headrace-context' }))
    }
    this.#sink.listener = null
    this.#outcomes.go(assembled, new HeldSink(this.#sink, this, dialect.ending, policy.maxBytes))
  }

  get #dialect(): ContextDialect | undefined {
    return this.#layers.dialects[this.#facts.translating.id]
  }

  #extend(rendering: Rendering, items: readonly { readonly bytes: Buffer }[]): Rendering {
    return this.#dialect === undefined ? rendering : extendRendering(rendering, items.map(({ bytes }) => itemOf(bytes)), this.#dialect)
  }

  #write(append: readonly StoredItem[]): ReturnType<ContextOwner['change']> {
    const { tenant, policy } = this.#facts
    const { owner } = this.#layers
    if (this.#reading === null) return owner.create(tenant, { id: this.#id, kind: 'context', ttlMs: policy.ttlMs, metadata: '', settings: this.#settings, items: append })
    const { seq, head } = this.#reading.state
    const settings = this.#settings === this.#reading.state.settings ? {} : { settings: this.#settings }
    return owner.change(tenant, this.#id, { expect: { place: { seq, head } }, turn: this.#token, append, ...settings }, this.#token, true)
  }

  /** Somebody has written since: with what, where that is known. */
  #stale(reading: ContextReading): void {
    const { state, from } = reading
    const { headers, members } = this.#missed(reading)
    if (this.#stop()) this.#outcomes.refuse(gatewayError('context-stale', `The context has changed since ${from === 0 ? 'then' : 'you read it'}: "context.missed" says how. Send the request again with If-Match: ${etagOf(state)}.`, { param: 'If-Match' }), headers, members)
  }

  #missed({ state, from, items }: ContextReading): Missed {
    const missed = this.#dialect?.render(items.map(({ bytes }) => itemOf(bytes)))
    return { headers: `etag: ${etagOf(state)}\r\n`, members: `"context":{"etag":${JSON.stringify(etagOf(state))},"seq":${state.seq},"from":${from},"missed":[${missed}]},` }
  }

  #warm({ seq, head, bytes }: ContextState, rendering: Rendering): void {
    this.#layers.hot.put(this.#key(), { place: { seq, head }, rendering }, bytes)
  }

  #unkept(error: GatewayError, { headers, members }: Missed = NOTHING_MISSED): Refused {
    this.#layers.hot.drop(this.#key())
    const { relay, requestId } = this.#facts
    const told = relay.encodeError(error, requestId)
    return { status: told.status, headers: told.headers + headers, body: `{${members}${told.body.slice(1)}`, event: relay.encodeStreamError(error, '') }
  }

  #end(error: GatewayError): void {
    if (this.#stop()) this.#refuse(error)
  }

  #refuse(error: GatewayError): void {
    this.#outcomes.refuse(error, '', '')
  }

  /** False = it was over already. */
  #stop(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#sink.listener = null
    void this.#release()
    return true
  }

  /** An owner that is not told ends the turn with its time. */
  async #release(): Promise<void> {
    if (!this.#isNew) await this.#layers.owner.end(this.#facts.tenant, this.#id, this.#token).catch(() => undefined)
  }

  #key(): string {
    return `${this.#facts.translating.id} ${this.#facts.tenant} ${this.#id}`
  }
}

/** What a writer that is late is told: header lines, and members of the error's body, each ending in a comma. */
interface Missed { readonly headers: string, readonly members: string }
const NOTHING_MISSED: Missed = Object.freeze({ headers: '', members: '' })
const UNKNOWN = gatewayError('not-found', 'There is no such context. Create one with POST /v1/contexts, or with headrace-context: new.', { param: 'headrace-context' })
const LOST = gatewayError('context-stale', 'The context was changed or removed while the answer came, so this turn is not kept in it.', { param: 'headrace-context' })
const WRITE_REFUSED: Readonly<Record<string, GatewayError>> = Object.freeze({ full: gatewayError('body-too-large', 'This context holds as many items as one may. Go on in a new one.', { param: 'headrace-context' }) })

