import {
  ERROR_POLICY, failure, gatewayError,
  type AnswerDecoder, type AnswerEncoder, type AnswerFacts, type Call, type ClientSink, type EncodedRequest, type Exchange, type GatewayError,
  type ResponseHead, type Result, type StreamEvent, type Target,
} from '@headrace/contract'
import { keptSent, type AnswerEnd, type AttemptAnswer } from './answer.ts'
import type { PreparedCall } from './prepared-call.ts'
import { AnswerCut } from './transformation/neutral/answer-cut.ts'
import { AnswerJoin } from './transformation/neutral/answer-join.ts'
import { continuedCall } from './transformation/neutral/continued-call.ts'
import { readSaidAnswer, type SaidAnswer } from './transformation/neutral/said-answer.ts'
import { encodeFor, type Dialects } from './translation.ts'

/** Characters of a finish reason that are kept on record. */
const FINISH_LIMIT = 64

/**
 * Goes on with a stream that broke off after its client had got a part of it (invariant 3): what was sent is decoded now, the next target is asked for the
 * rest, and the client's encoder, led through what was sent already, writes it on. One instance per exchange that needs one.
 */
export class Rescue {
  readonly #dialects: Dialects
  readonly #x: Exchange
  readonly #call: Result<Call>
  readonly #facts: AnswerFacts
  /** Latin1: all that the client got. */
  #sent = ''
  #said: SaidAnswer | null = null
  /** Of the attempt that goes on. */
  #cut: AnswerCut | null = null
  readonly #noPrefill: WeakSet<Target>

  /** `noPrefill`: targets that have refused the beginning of their own answer, known to all rescues of a worker. */
  constructor(dialects: Dialects, x: Exchange, clientBody: Buffer, noPrefill: WeakSet<Target> = new WeakSet()) {
    this.#dialects = dialects
    this.#x = x
    this.#noPrefill = noPrefill
    this.#call = dialects.translating[x.dialect].decodeRequest(clientBody, x)
    const facts = { requestId: x.id, model: x.target?.model ?? '', created: Math.floor(x.wallTime / 1_000) }
    this.#facts = this.#call.ok ? { ...facts, includeUsage: this.#call.value.includeUsage, call: this.#call.value } : { ...facts, includeUsage: false }
  }

  /** Latin1: all that the client had got when this took over last. */
  get sent(): string {
    return this.#sent
  }

  /**
   * Takes over from an answer that broke off. `sent`: what it gave the client, null = too much to be kept.
   * `continue`: another target can go on. `close`: nothing but the end is missing. `lost`: nobody can go on.
   */
  take(sent: string | null): 'continue' | 'close' | 'lost' {
    if (sent === null || !this.#call.ok) return 'lost'
    this.#sent += sent
    const said = readSaidAnswer(this.#dialects.translating[this.#x.dialect].createDecoder(true), Buffer.from(this.#sent, 'latin1'))
    this.#said = said
    if (said === null || said.events.length === 0 || (said.wholeTools > 0 && said.openTool !== null)) return 'lost'
    if (said.finished) return 'close'
    if (this.#resumed() === null) return 'lost'
    return said.wholeTools > 0 ? 'close' : 'continue'
  }

  /** What is missing after `close`: the finish, where it was not said, and the end. */
  closing(): string {
    const encoder = this.#resumed()
    // Where an encoder goes on from what was sent, the event that finishes an answer is its last.
    if (encoder === null) return ''
    const finish = this.#said?.finished === true ? '' : encoder.event({ type: 'finish', choice: 0, reason: 'tool-calls', raw: 'tool_calls', sequence: '' })
    return finish + encoder.event({ type: 'end' })
  }

  /** True = the target was given the beginning of its own answer and may not take one: it is to be asked once more, by an instruction, as everybody after this. */
  asksOtherwise(target: Target, refusal: GatewayError): boolean {
    if (refusal.kind !== 'upstream-invalid-request' || this.#said === null || this.#said.text === '' || !this.#prefills(target)) return false
    this.#noPrefill.add(target)
    return true
  }

  #prefills(target: Target): boolean {
    return target.prefill === true && !this.#noPrefill.has(target)
  }

  /** Errors: `invalid-request` where the conversation cannot be said in the target's dialect. */
  request(target: Target): Result<EncodedRequest> {
    if (!this.#call.ok) return this.#call
    if (this.#said === null) return failure(gatewayError('internal', 'There is no answer to go on with.'))
    const request = encodeFor(this.#dialects.translating[target.dialect], continuedCall(this.#call.value, this.#said.text, this.#prefills(target)), target, this.#x.dialect)
    this.#cut = request.ok && request.value.cut !== undefined ? new AnswerCut(request.value.cut) : null
    return request
  }

  /** Takes the answer of the attempt that goes on. */
  answer(target: Target, sink: ClientSink, status: number, head: ResponseHead): AttemptAnswer {
    const relay = this.#dialects.relay[target.dialect]
    const isStream = relay.isStream(head.header('content-type') ?? 'application/json', true)
    return new RescuedAnswer({
      x: this.#x, sink, isStream,
      refused: status < 200 || status > 299,
      decoder: this.#dialects.translating[target.dialect].createDecoder(isStream),
      encoder: this.#resumed() ?? this.#primed(),
      cut: this.#cut,
      join: new AnswerJoin(this.#said ?? NOTHING_SAID, this.#prefills(target)),
      // A comment: every reader of event streams passes over it, and people see where the answer changed hands.
      mark: `: headrace-rescue target=${target.answerHeaders.slice('headrace-target: '.length).trimEnd()}\n\n`,
      classify: body => relay.classifyResponse(status, head, body),
      encodeStreamError: (error, sent) => this.#dialects.relay[this.#x.dialect].encodeStreamError(error, this.#sent + sent),
    })
  }

  /** The client's encoder in the state in which the broken answer left it; null = it is in none that can be gone on from. */
  #resumed(): AnswerEncoder | null {
    const dialect = this.#dialects.translating[this.#x.dialect]
    return dialect.resumeEncoder === undefined ? this.#primed() : dialect.resumeEncoder(this.#facts, Buffer.from(this.#sent, 'latin1'))
  }

  #primed(): AnswerEncoder {
    const encoder = this.#dialects.translating[this.#x.dialect].createEncoder(true, this.#facts)
    const said = this.#said ?? NOTHING_SAID
    for (const event of said.events) encoder.event(event)
    return encoder
  }
}

const NOTHING_SAID: SaidAnswer = Object.freeze({ events: [], text: '', openText: -1, openReasoning: -1, openTool: null, wholeTools: 0, items: 0, finished: false })

interface RescuedAnswerParts {
  readonly x: Exchange
  readonly sink: ClientSink
  readonly isStream: boolean
  readonly refused: boolean
  readonly decoder: AnswerDecoder
  readonly encoder: AnswerEncoder
  readonly cut: AnswerCut | null
  readonly join: AnswerJoin
  readonly mark: string
  readonly classify: (body: string) => GatewayError | null
  /** `sent`: what this answer gave the client last; '' = nothing. */
  readonly encodeStreamError: (error: GatewayError, sent: string) => string
}

/** Bytes of an answer that is no stream which are looked at for an error. */
const JUDGED_LIMIT = 65_536

/** The rest of an answer from another target, written on in the client's dialect. One instance per attempt. */
class RescuedAnswer implements AttemptAnswer {
  readonly #parts: RescuedAnswerParts
  #held = ''
  #out = ''
  /** What was sent last. */
  #last = ''
  #error: GatewayError | null = null
  #marked = false
  sent: string | null = ''

  constructor(parts: RescuedAnswerParts) {
    this.#parts = parts
  }

  take(chunk: Buffer, last: boolean): boolean {
    const { refused, isStream, decoder } = this.#parts
    if (refused || !isStream) {
      if (this.#held.length < JUDGED_LIMIT) this.#held += chunk.latin1Slice()
      if (refused) return true
    }
    decoder.push(chunk, this.#onEvent)
    return this.#flush(last)
  }

  get streamError(): GatewayError | null {
    return this.#error
  }

  end(): AnswerEnd {
    const { refused, isStream, classify, decoder, sink } = this.#parts
    if (refused || !isStream) {
      const error = classify(this.#held)
      if (error !== null) return error
    }
    decoder.end(this.#onEvent)
    if (this.#error !== null) return this.#error
    this.#flush(true)
    sink.end()
    return null
  }

  /** The client has a half answer: no refusal can be handed on. */
  handOnRefusal(): boolean {
    return false
  }

  breakOff(error: GatewayError): void {
    this.#parts.sink.write(this.#parts.encodeStreamError(error, this.#last), true)
    this.#parts.sink.abort()
  }

  keepUsage(): void {}

  readonly #onEvent = (event: StreamEvent): void => {
    const { x, cut } = this.#parts
    // The record says what this attempt used; the client is told of the whole answer.
    if (event.type === 'usage') x.usage = event.usage
    if (event.type === 'finish') x.finishReason = event.raw.slice(0, FINISH_LIMIT)
    if (cut === null) this.#join(event)
    else cut.take(event, this.#join)
  }

  readonly #join = (event: StreamEvent): void => {
    if (this.#error === null) this.#parts.join.event(event, this.#onJoined)
  }

  readonly #onJoined = (event: StreamEvent): void => {
    if (event.type === 'error') this.#error = event.error
    else this.#out += this.#parts.encoder.event(event)
  }

  #flush(last: boolean): boolean {
    if (this.#out === '') return true
    const { x, sink, mark } = this.#parts
    const text = (this.#marked ? '' : mark) + this.#out
    this.#marked = true
    this.#out = ''
    this.#last = text
    this.sent = keptSent(this.sent, text)
    const onEvent = x.snapshot.hooks.onEvent
    const bytes = onEvent === null ? text : onEvent(x, Buffer.from(text, 'latin1'))
    x.responseBytes += bytes.length
    return sink.write(bytes, last)
  }
}

/** What the model's policy allows for a stream that broke off. */
export function rescueWay({ exchange: x, plan, sink, acceptsRestart, path }: Pick<PreparedCall, 'exchange' | 'plan' | 'sink' | 'acceptsRestart' | 'path'>): 'continue' | 'restart' | 'lost' {
  // What a rescue says of itself has no room in a JSON array.
  if (!x.stream || path === 'chat-array' || x.operation !== 'chat' || sink.closed) return 'lost'
  if (plan.rescue === 'restart') return acceptsRestart ? 'restart' : 'lost'
  return plan.rescue === 'continue' ? 'continue' : 'lost'
}

/** Tells a client that can take it: what came so far is void, the answer begins anew. */
export function restartEvent(error: GatewayError): string {
  return `event: headrace.restart\ndata: {"type":"headrace.restart","reason":"${ERROR_POLICY[error.kind].code}"}\n\n`
}
