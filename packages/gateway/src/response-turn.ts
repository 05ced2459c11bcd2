import { randomBytes } from 'node:crypto'
import { chainHead, JsonView } from '@headrace/bytes'
import {
  EMPTY_HEAD, gatewayError,
  type ClientListener, type ClientSink, type ContextPlace, type ContextPolicy, type ContextReading, type ContextState, type GatewayError, type LocalResponses, type RelayDialect, type StoredItem,
} from '@headrace/contract'
import type { ContextLayers } from './context-turn.ts'
import type { Refused } from './contexts/held-sink.ts'
import { BackgroundRun } from './contexts/responses/background/background-run.ts'
import { followEvents } from './contexts/responses/background/follow-events.ts'
import { LOCKED, unknown } from './contexts/responses/conversation-resources.ts'
import { conversationId, isConversationId, isResponseId, keyOfItem, newKey, responseId } from './contexts/responses/response-ids.ts'
import { idOf, inputItems, promptItem, storedText, type ItemText } from './contexts/responses/response-items.ts'
import { readRecord, statusOf, writeRecord } from './contexts/responses/response-record.ts'
import { assembleResponse, printable, readState, type StateAsked } from './contexts/responses/response-request.ts'
import { ResponseRewriter, type EndedResponse } from './contexts/responses/response-rewriter.ts'
import { ResponseSink, type ResponseKeeper } from './contexts/responses/response-sink.ts'

export interface ResponseTurnFacts {
  readonly tenant: string
  readonly relay: RelayDialect
  /** Latin1. */
  readonly body: string
  readonly requestId: string
  readonly policy: ContextPolicy
  /** The longest that a request of this plan may run, ms. */
  readonly longestMs: number
  /** It is answered with a response. False = with a number of tokens. */
  readonly answers: boolean
  /** Whose sealed thoughts the plan's targets of this dialect understand: '' = nobody's, null = there are no such targets. */
  readonly thinker: string | null
  /** All of these targets think: their thoughts come back sealed if they are asked for. */
  readonly thoughts: boolean
  /** Who answers, once somebody does. */
  readonly provider: () => string
  /** What its connection alone remembers; null = nothing. */
  readonly local: LocalResponses | null
  /** The response as it is told when it has only begun, for this whole request; both in latin1. */
  readonly begun: (request: string) => string
}

/** What becomes of it: exactly one of these is called, once. */
export interface ResponseOutcomes {
  /** `alone`: in the background, as a stream. */
  go(body: { readonly head: string, readonly whole: string }, sink: ClientSink, alone: boolean): void
  refuse(error: GatewayError): void
  left(): void
}

/** A turn in a conversation is held a little longer than its request may run, ms. */
const HOLD_MARGIN_MS = 30_000
/** What the model is asked with before its own input: its text; what is kept of it (`from`, up to `place`, of which `items` were read), and what is not (`loose`). */
interface Before { readonly from: string, readonly place: ContextPlace, readonly text: string, readonly items: readonly ItemText[], readonly loose: readonly ItemText[] }
const NOTHING: Before = Object.freeze({ from: '', place: Object.freeze({ seq: 0, head: EMPTY_HEAD }), text: '', items: Object.freeze([]), loose: Object.freeze([]) })

/**
 * One response that goes on with an earlier one or with a conversation, or is kept so that others can. The gateway holds what is kept: whoever the provider is, it gets the
 * whole conversation and keeps nothing. A response is on file before its end is told.
 */
export class ResponseTurn implements ClientListener, ResponseKeeper {
  readonly #layers: ContextLayers
  readonly #facts: ResponseTurnFacts
  readonly #outcomes: ResponseOutcomes
  readonly #sink: ClientSink
  readonly #key = newKey()
  /** Names the turn at a conversation's owner. */
  readonly #token = randomBytes(9).toString('base64url')
  #asked: StateAsked | null = null
  #over = false
  #holds = false
  /** It runs in the background. */
  #run: BackgroundRun | null = null
  #before: Before = NOTHING
  #input: readonly ItemText[] = []
  #text = ''

  constructor(layers: ContextLayers, facts: ResponseTurnFacts, sink: ClientSink, outcomes: ResponseOutcomes) {
    this.#layers = layers
    this.#facts = facts
    this.#sink = sink
    this.#outcomes = outcomes
  }

  start(): void {
    if (this.#sink.closed) return this.#outcomes.left()
    const asked = readState(this.#facts.body)
    if (!asked.ok) return this.#outcomes.refuse(asked.error)
    const { body, background } = this.#asked = asked.value
    if (background && this.#layers.runs.full) return this.#outcomes.refuse(gatewayError('overloaded', 'Too many responses run in the background here. Send the request again later.', { retryAfterMs: 5_000 }))
    const input = inputItems(body.get('input'), this.#key)
    if (!input.ok) return this.#outcomes.refuse(input.error)
    this.#input = input.value
    this.#sink.listener = this
    void this.#begin(asked.value).catch(() => this.#end(gatewayError('overloaded', 'What is kept cannot be looked up right now, so the request was not run. Send it again.', { retryAfterMs: 1_000 })))
  }

  onDrain(): void {}

  onClose(): void {
    if (this.#stop()) this.#outcomes.left()
  }

  onShutdown(): void {
    this.#end(gatewayError('shutting-down', 'The gateway is shutting down. Send the request again.'))
  }

  async keep({ response, output }: EndedResponse, sent: string): Promise<Refused | null> {
    const input = [...this.#before.loose, ...this.#input].map(storedText), said = output.map(storedText)
    try {
      const lost = await this.#write(response, input, said)
      if (lost !== null) return this.#unkept(lost, sent)
      const text = joined(this.#text, output.map(item => promptItem(item, this.#facts.thinker)))
      const place = placeAfter(placeAfter(this.#before.place, input), said)
      if (this.#asked?.store === true) this.#warm(responseId(this.#key), place, text)
      const conversation = this.#asked?.conversation ?? ''
      if (conversation !== '') this.#warm(conversation, place, text)
      else if (this.#asked?.store === false) this.#facts.local?.put(responseId(this.#key), { from: this.#before.from, items: [...this.#before.loose, ...this.#input, ...output] })
      return null
    } catch {
      return this.#unkept(gatewayError('overloaded', 'The response could not be kept: nothing of it is there.', { retryAfterMs: 1_000 }), sent)
    } finally {
      await this.#release()
    }
  }

  /** Whoever is told of the failure may come again at once, through any worker. */
  async drop(): Promise<void> {
    await this.#release()
  }

  async #begin({ previous, conversation }: StateAsked): Promise<void> {
    const before = previous !== '' ? await this.#readResponse(previous) : conversation !== '' ? await this.#readConversation(conversation) : NOTHING
    if (this.#over) return this.#release()
    if ('kind' in before) return this.#end(before)
    this.#before = before
    const input = await this.#resolve()
    if (this.#over) return this.#release()
    if ('kind' in input) return this.#end(input)
    this.#input = input
    this.#go()
  }

  async #readResponse(id: string): Promise<Before | GatewayError> {
    const local = this.#facts.local?.get(id)
    if (local == null) return this.#readKept(id)
    const before = local.from === '' ? NOTHING : await this.#readKept(local.from)
    return 'kind' in before ? before : { ...before, text: joined(before.text, local.items.map(item => promptItem(item, this.#facts.thinker))), loose: local.items }
  }

  async #readKept(id: string): Promise<Before | GatewayError> {
    if (!isResponseId(id)) return unknownResponse(id)
    const reading = await this.#read(id, known => this.#layers.owner.read(this.#facts.tenant, id, known))
    if (reading === null || reading.state.kind !== 'response') return unknownResponse(id)
    const record = readRecord(reading.state.settings)
    if (record === null) return unknownResponse(id)
    return record.runner === '' || WHOLE.has(statusOf(record)) ? reading.before
      : gatewayError('invalid-request', `Previous response '${printable(id)}' is ${statusOf(record)}: one that has not ended whole cannot be gone on with.`, { param: 'previous_response' })
  }

  async #readConversation(id: string): Promise<Before | GatewayError> {
    if (!isConversationId(id)) return unknown(id)
    const { tenant, longestMs, answers } = this.#facts
    if (!answers) return (await this.#read(id, known => this.#layers.owner.read(tenant, id, known)))?.before ?? unknown(id)
    const begun = await this.#layers.owner.begin(tenant, id, { token: this.#token, holdMs: longestMs + HOLD_MARGIN_MS, known: this.#hot(id)?.place ?? null, expect: null })
    if (begun.kind === 'held') return LOCKED
    if (begun.kind !== 'begun') return unknown(id)
    this.#holds = true
    return this.#join(id, begun.reading)
  }

  async #read(id: string, read: (known: ContextPlace | null) => Promise<ContextReading | null>): Promise<{ readonly state: ContextState, readonly before: Before } | null> {
    const reading = await read(this.#hot(id)?.place ?? null)
    return reading === null ? null : { state: reading.state, before: this.#join(id, reading) }
  }

  /** What is at hand, and what was not. */
  #join(id: string, { state: { seq, head }, from, items }: ContextReading): Before {
    const texts = items.map(({ bytes }) => bytes.latin1Slice())
    const text = joined(from === 0 ? '' : this.#hot(id)?.rendering.text ?? '', texts.map(item => promptItem(item, this.#facts.thinker)))
    this.#warm(id, { seq, head }, text)
    return { from: id, place: { seq, head }, text, items: texts, loose: [] }
  }

  /** The input with what it only names in the place of the names. */
  async #resolve(): Promise<readonly ItemText[] | GatewayError> {
    if (!this.#input.some(isReference)) return this.#input
    const resolved: ItemText[] = []
    const read = new Map<string, readonly ItemText[]>()
    for (const item of this.#input) {
      const id = idOf(item), key = keyOfItem(id) ?? ''
      if (!isReference(item)) {
        resolved.push(item)
        continue
      }
      if (!read.has(key)) read.set(key, key === '' ? [] : await this.#itemsOf(key))
      const found = read.get(key)?.find(other => idOf(other) === id)
      if (found === undefined && !isThought(id)) return gatewayError('not-found', `Item with id '${printable(id)}' not found.`, { param: 'input' })
      if (found !== undefined && !await this.#isBefore(id)) resolved.push(found)
    }
    return resolved
  }

  /** Items of the response, or the conversation, of this key. */
  async #itemsOf(key: string): Promise<readonly ItemText[]> {
    const { tenant } = this.#facts
    const reading = await this.#layers.owner.read(tenant, responseId(key), null) ?? await this.#layers.owner.read(tenant, conversationId(key), null)
    return reading?.items.map(({ bytes }) => bytes.latin1Slice()) ?? []
  }

  /** It is in what comes before already. */
  async #isBefore(id: string): Promise<boolean> {
    const named = this.#before.from
    if (this.#before.loose.some(item => idOf(item) === id)) return true
    if (named === '') return false
    if (this.#before.items.length < this.#before.place.seq) {
      const reading = await this.#layers.owner.read(this.#facts.tenant, named, null)
      this.#before = { ...this.#before, items: reading?.items.map(({ bytes }) => bytes.latin1Slice()) ?? [] }
    }
    return this.#before.items.some(item => idOf(item) === id)
  }

  #go(): void {
    const { policy, thinker, thoughts, answers } = this.#facts
    const asked = this.#asked
    if (asked === null) return
    this.#text = joined(this.#before.text, this.#input.map(item => promptItem(item, thinker)))
    const assembled = assembleResponse(asked, this.#text, thoughts && answers)
    if (assembled.whole.length > policy.maxBytes) {
      return this.#end(gatewayError('body-too-large', `This conversation has become larger than this gateway keeps (${policy.maxBytes} bytes). Begin a new one, or raise contexts.max_size.`, { param: 'input' }))
    }
    if (answers && asked.background) return void this.#runAlone(asked, assembled).catch(() => this.#end(UNKEPT))
    this.#sink.listener = null
    if (!answers) return this.#outcomes.go(assembled, this.#sink, false)
    this.#outcomes.go(assembled, this.#held(asked, this.#sink), false)
  }

  #held(asked: StateAsked, sink: ClientSink): ResponseSink {
    return new ResponseSink(sink, new ResponseRewriter(this.#key, membersOf(asked, this.#key), this.#facts.provider), this, this.#facts.policy.maxBytes)
  }

  /** The response is on file before it runs, and runs on when its client has left; the client is told how it stands, or its events. */
  async #runAlone(asked: StateAsked, assembled: { readonly head: string, readonly whole: string }): Promise<void> {
    const { tenant, policy, requestId, relay, begun } = this.#facts
    const { owner, runs } = this.#layers
    const id = responseId(this.#key), { from, place: { seq } } = this.#before
    const input = [...this.#before.loose, ...this.#input].map(storedText)
    const run = this.#run = new BackgroundRun({
      owner, tenant, id, runner: runs.runner, ttlMs: policy.ttlMs, maxBytes: policy.maxBytes, output: placeAfter(this.#before.place, input),
      response: begunResponse(begun(assembled.whole), membersOf(asked, this.#key)),
    })
    const made = await run.create(input, draft => from === '' ? owner.create(tenant, draft) : owner.fork(tenant, from, seq, draft))
    if (this.#over) return run.remove()
    if (!made) return this.#end(LOST)
    runs.add(run)
    run.watch()
    // Its client may leave from here on: nobody hears of it.
    this.#sink.listener = null
    this.#outcomes.go(assembled, this.#held(asked, run), true)
    // Who is refused for its limits, or for want of anybody who could answer, is told so at once.
    await new Promise(resolve => { setImmediate(resolve) })
    const { refused } = run
    if (refused !== null) {
      await run.done
      await run.remove()
      return this.#sink.respond(refused.status, refused.headers, refused.body)
    }
    const headers = `${relay.requestIdHeader}: ${requestId}\r\n`
    if (asked.body.get('stream').boolean === true) followEvents({ owner, tenant, id }, -1, this.#sink, headers)
    else this.#sink.respond(200, `content-type: application/json\r\n${headers}`, run.begun)
  }

  /** Null = it is on file. The response first: a turn of a conversation whose end nobody was told may stand alone, one that others go on with may not. */
  async #write(response: string, input: readonly StoredItem[], said: readonly StoredItem[]): Promise<GatewayError | null> {
    const { tenant, policy } = this.#facts
    const { owner } = this.#layers
    const { store } = this.#asked ?? { store: false }
    const { seq } = this.#before.place
    const items = [...input, ...said]
    if (this.#run !== null) return await this.#say(items) ?? (await this.#run.complete(response, said) ? null : LOST)
    if (store) {
      const settings = writeRecord({ output: placeAfter(this.#before.place, input), response, runner: '' })
      const draft = { id: responseId(this.#key), kind: 'response' as const, ttlMs: policy.ttlMs, metadata: '', settings, items }
      const { from } = this.#before
      const outcome = from === '' ? await owner.create(tenant, draft) : await owner.fork(tenant, from, seq, draft)
      if (outcome.kind !== 'done') return outcome.kind === 'full' ? FULL : LOST
    }
    const lost = await this.#say(items)
    if (lost !== null && store) await owner.remove(tenant, responseId(this.#key))
    return lost
  }

  /** In the conversation, if there is one. */
  async #say(append: readonly StoredItem[]): Promise<GatewayError | null> {
    if (!this.#holds) return null
    const { seq, head } = this.#before.place
    const outcome = await this.#layers.owner.change(this.#facts.tenant, this.#asked?.conversation ?? '', { expect: { place: { seq, head } }, turn: this.#token, append }, this.#token, true)
    this.#holds = false
    return outcome.kind === 'done' ? null : outcome.kind === 'full' ? FULL : LOST
  }

  #unkept(error: GatewayError, sent: string): Refused {
    const { relay, requestId } = this.#facts
    return { ...relay.encodeError(error, requestId), event: relay.encodeStreamError(error, sent) }
  }

  #hot(id: string): { readonly place: ContextPlace, readonly rendering: { readonly text: string } } | null {
    return this.#layers.hot.get(this.#keyOf(id))
  }

  #warm(id: string, place: ContextPlace, text: string): void {
    this.#layers.hot.put(this.#keyOf(id), { place, rendering: { text, last: [], apart: [] } }, text.length)
  }

  /** The same conversation is said in two ways where other thoughts are understood. */
  #keyOf(id: string): string {
    return `${this.#facts.relay.id} ${this.#facts.tenant} ${id} ${this.#facts.thinker ?? '*'}`
  }

  #end(error: GatewayError): void {
    if (this.#stop()) this.#outcomes.refuse(error)
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
    const held = this.#holds
    this.#holds = false
    if (held) await this.#layers.owner.end(this.#facts.tenant, this.#asked?.conversation ?? '', this.#token).catch(() => undefined)
  }
}

const UNKEPT = gatewayError('overloaded', 'The response could not be put on file, so the request was not run. Send it again.', { retryAfterMs: 1_000 })
const LOST = gatewayError('context-stale', 'What this response goes on with was changed or deleted while it came, so it is not kept.')
const FULL = gatewayError('body-too-large', 'This conversation holds as many items as one may. Begin a new one.')
const unknownResponse = (id: string): GatewayError => gatewayError('invalid-request', `Previous response with id '${printable(id)}' not found.`, { param: 'previous_response_id' })

/** What a response says of itself that others can go on with. */
const WHOLE: ReadonlySet<string> = new Set(['completed', 'incomplete'])

const isReference = (item: ItemText): boolean => item.includes('"item_reference"') && JsonView.parse(item)?.get('type').string === 'item_reference'
/** A thought that stands only by its name and is not kept is as lost as one that nobody can unseal: the conversation goes on without it. */
const isThought = (id: string): boolean => id.startsWith('rs_')

const joined = (before: string, items: readonly string[]): string => [before, ...items].filter(text => text !== '').join()

const placeAfter = (place: ContextPlace, items: readonly StoredItem[]): ContextPlace =>
  items.reduce(({ seq, head }, { bytes }) => ({ seq: seq + 1, head: chainHead(head, bytes) }), place)

/** What the response says of itself. */
function membersOf({ store, previous, conversation, background }: StateAsked, key: string): ReadonlyMap<string, string> {
  const members = new Map([['id', `"${responseId(key)}"`], ['store', String(store)], ...(background ? [['background', 'true'] as const] : []), ['previous_response_id', previous === '' ? 'null' : JSON.stringify(previous)]])
  if (conversation !== '') members.set('conversation', `{"id":${JSON.stringify(conversation)}}`)
  return members
}

/** A response that has not begun to be answered. */
function begunResponse(begun: string, members: ReadonlyMap<string, string>): string {
  const all = new Map([...JsonView.parse(begun)?.members() ?? []].map(([name, member]) => [name, member.raw]))
  for (const [name, raw] of members) all.set(name, raw)
  all.set('status', '"queued"').set('output', '[]')
  return `{${[...all].map(([name, raw]) => `${JSON.stringify(name)}:${raw}`).join()}}`
}
