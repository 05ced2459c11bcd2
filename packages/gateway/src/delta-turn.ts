import { setTimeout as delay } from 'node:timers/promises'
import { chainHead, DELTA_SHAPES, type DeltaShape } from '@headrace/bytes'
import { EMPTY_HEAD, gatewayError, type ClientListener, type ClientSink, type ContextOwner, type DialectId, type GatewayError, type Item, type StoredItem, type TranslatingDialect } from '@headrace/contract'
import { answerItems } from './contexts/answer-items.ts'
import { assembleRequest, requestElements, type RequestElements } from './contexts/delta/request-elements.ts'
import { HeldSink, type AnswerKeeper } from './contexts/held-sink.ts'
import type { HotCache } from './contexts/hot-cache.ts'

/** A request's beginning, up to a head of its chain. Latin1. */
export interface HotDelta {
  readonly fixed: string
  /** The list's elements, separated by commas. */
  readonly elements: string
}

/** How answers of a dialect come back in the next request. `answer`: JSON, '' = it was a stream. */
export type Echoes = (answer: string, items: readonly Item[]) => readonly string[]

export interface DeltaDialect {
  readonly echoes: Echoes
  /** How the event that ends a stream begins. */
  readonly ending: string
}

export interface DeltaLayers {
  readonly owner: ContextOwner
  readonly hot: HotCache<HotDelta>
  readonly dialects: Partial<Readonly<Record<DialectId, DeltaDialect>>>
}

export interface DeltaFacts {
  /** `headrace-delta`: `keep`, or the head of the beginning that is left out. */
  readonly header: string
  readonly path: string
  readonly tenant: string
  readonly translating: TranslatingDialect
  readonly body: Buffer
  /** Bytes of one request. */
  readonly maxBytes: number
}

export interface DeltaOutcomes {
  /** The whole request; `head` is the same without the list's elements. Its answer goes through this sink. */
  go(body: { readonly head: string, readonly whole: string }, sink: ClientSink): void
  refuse(error: GatewayError, headers: string): void
  left(): void
}

const KEEP = 'keep'
const HEAD = /^[0-9a-f]{64}$/
/** A beginning that nobody went on with is forgotten, ms. */
const TTL_MS = 24 * 3_600_000
/** An answer's end waits so long for what it adds to be kept, ms. */
const PATIENCE_MS = 2_000
const UNKNOWN_HEADER = 'headrace-delta: unknown\r\n'

/**
 * A request of which the client sent only what the gateway has not seen yet: the beginning is named by its hash, which the client computes from what it sent and got
 * before. What is kept is a convenience: where it is not there, the client is told 409 and sends everything.
 */
export class DeltaTurn implements ClientListener, AnswerKeeper {
  readonly passesLarge = true
  readonly #layers: DeltaLayers
  readonly #facts: DeltaFacts
  readonly #outcomes: DeltaOutcomes
  readonly #sink: ClientSink
  #over = false
  #base = EMPTY_HEAD
  #head = EMPTY_HEAD
  #added: readonly string[] = []
  #request: HotDelta = NOTHING

  constructor(layers: DeltaLayers, facts: DeltaFacts, sink: ClientSink, outcomes: DeltaOutcomes) {
    this.#layers = layers
    this.#facts = facts
    this.#sink = sink
    this.#outcomes = outcomes
  }

  start(): void {
    const { header, path, body } = this.#facts
    if (this.#sink.closed) return this.#outcomes.left()
    const shape = DELTA_SHAPES[path]
    if (shape === undefined) return this.#outcomes.refuse(gatewayError('invalid-request', 'This API does not take the header headrace-delta.', { param: 'headrace-delta' }), UNKNOWN_HEADER)
    if (header !== KEEP && !HEAD.test(header)) return this.#outcomes.refuse(UNKNOWN, UNKNOWN_HEADER)
    const elements = requestElements(body.latin1Slice(), shape)
    if (elements === null) return this.#outcomes.refuse(gatewayError('invalid-request', `"${shape.list}" must be a list.`, { param: shape.list }), '')
    if (header === KEEP) return this.#go(shape, elements, [elements.fixed, ...elements.list], { fixed: elements.fixed, elements: '' })
    this.#base = header
    const hot = this.#layers.hot.get(this.#key(header))
    if (hot !== null) return this.#go(shape, elements, elements.list, hot)
    this.#sink.listener = this
    void this.#read(header).catch(() => null).then(read => {
      if (this.#over) return
      this.#sink.listener = null
      if (read === null) this.#outcomes.refuse(UNKNOWN, UNKNOWN_HEADER)
      else this.#go(shape, elements, elements.list, read)
    })
  }

  onDrain(): void {}

  onClose(): void {
    this.#over = true
    this.#sink.listener = null
    this.#outcomes.left()
  }

  onShutdown(): void {
    this.#over = true
    this.#sink.listener = null
    this.#outcomes.refuse(gatewayError('shutting-down', 'The gateway is shutting down. Send the request again.'), '')
  }

  headers(): string {
    return 'headrace-delta: kept\r\n'
  }

  /** Never refuses: what cannot be kept is sent again. */
  async keep(stream: boolean, answer: string): Promise<null> {
    const { translating, tenant } = this.#facts
    const items = answerItems(translating.createDecoder(stream), Buffer.from(answer, 'latin1')) ?? []
    const echoes = items.length === 0 ? [] : this.#layers.dialects[translating.id]?.echoes(stream ? '' : answer, items) ?? []
    this.#warm(this.#head, this.#request)
    for (const echo of echoes) this.#warm(chainHead(this.#head, Buffer.from(echo, 'latin1')), { ...this.#request, elements: joined(this.#request.elements, echo) })
    // The next request may come to another worker as soon as this one has ended.
    await Promise.race([this.#store(tenant, echoes).catch(() => undefined), delay(PATIENCE_MS, undefined, { ref: false })])
    return null
  }

  async drop(): Promise<void> {}

  #go(shape: DeltaShape, { others }: RequestElements, added: readonly string[], base: HotDelta): void {
    const list = this.#base === EMPTY_HEAD ? added.slice(1) : added
    const elements = joined(base.elements, list.join())
    const assembled = assembleRequest(shape, others, base.fixed, elements)
    if (assembled.whole.length > this.#facts.maxBytes) return this.#outcomes.refuse(gatewayError('body-too-large', `The whole request is larger than this gateway takes (${this.#facts.maxBytes} bytes).`), '')
    this.#added = added
    this.#request = { fixed: base.fixed, elements }
    this.#head = added.reduce((head, element) => chainHead(head, Buffer.from(element, 'latin1')), this.#base)
    this.#outcomes.go(assembled, new HeldSink(this.#sink, this, this.#layers.dialects[this.#facts.translating.id]?.ending ?? NEVER, this.#facts.maxBytes))
  }

  /** Null = nobody knows it. */
  async #read(head: string): Promise<HotDelta | null> {
    const reading = await this.#layers.owner.read(this.#facts.tenant, idOf(head), null)
    const texts = reading?.items.map(({ bytes }) => bytes.latin1Slice())
    const fixed = texts?.shift()
    if (texts === undefined || fixed === undefined) return null
    const read = { fixed, elements: texts.join() }
    this.#warm(head, read)
    return read
  }

  async #store(tenant: string, echoes: readonly string[]): Promise<void> {
    const { owner } = this.#layers
    const draft = (head: string, texts: readonly string[]) => ({ id: idOf(head), kind: 'delta' as const, ttlMs: TTL_MS, metadata: '', settings: '', items: texts.map(stored) })
    const made = draft(this.#head, this.#added)
    await (this.#base === EMPTY_HEAD ? owner.create(tenant, made) : owner.fork(tenant, idOf(this.#base), null, made))
    await Promise.all(echoes.map(echo => owner.fork(tenant, made.id, null, draft(chainHead(this.#head, Buffer.from(echo, 'latin1')), [echo]))))
  }

  #warm(head: string, delta: HotDelta): void {
    this.#layers.hot.put(this.#key(head), delta, delta.fixed.length + delta.elements.length)
  }

  #key(head: string): string {
    return `${this.#facts.tenant} ${head}`
  }
}

const NOTHING: HotDelta = Object.freeze({ fixed: '{}', elements: '' })
const UNKNOWN = gatewayError('delta-unknown', 'The beginning that headrace-delta names is not known here. Send the request whole, with headrace-delta: keep.', { param: 'headrace-delta' })
/** No event begins so. */
const NEVER = '\0'
const idOf = (head: string): string => `dlt_${head}`
const stored = (text: string): StoredItem => ({ bytes: Buffer.from(text, 'latin1'), text: '' })
const joined = (before: string, after: string): string => before === '' || after === '' ? before + after : `${before},${after}`
