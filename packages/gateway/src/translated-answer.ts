import {
  gatewayError, UNKNOWN_USAGE,
  type AnswerDecoder, type AnswerEncoder, type ClientSink, type Exchange, type GatewayError, type ProviderQuirks, type ResponseHead, type StreamEvent,
} from '@headrace/contract'
import { keptSent, REFUSAL_LIMIT, type AnswerEnd, type AttemptAnswer } from './answer.ts'
import { AnswerCut } from './transformation/neutral/answer-cut.ts'
import { StructuredAnswer } from './transformation/neutral/structured-output.ts'
import { brokenFinish, classifyFitted, fitRefusal, hiddenRefusal, neutralFinish } from './transformation/relay/fit-answer.ts'
import { lossHeaders, type TranslatedCall, type UnfitAnswer } from './translation.ts'

/** Characters of a finish reason that are kept on record. */
const FINISH_LIMIT = 64
/** Characters of what is wrong with an answer that are told. */
const PROBLEM_LIMIT = 300

/**
 * Takes one attempt's answer in the provider's dialect and gives it to the client in its own. A stream leaves as it comes, from the first event on that
 * says something; JSON when it is whole. One instance per attempt: one decoder and one encoder state.
 */
export class TranslatedAnswer implements AttemptAnswer {
  #x: Exchange
  readonly #translated: TranslatedCall
  readonly #sink: ClientSink
  readonly #head: ResponseHead
  readonly #refused: boolean
  readonly #isStream: boolean
  readonly #decoder: AnswerDecoder
  readonly #encoder: AnswerEncoder
  readonly #structured: StructuredAnswer | null
  readonly #cut: AnswerCut | null
  readonly #quirks: ProviderQuirks | null
  /** Latin1: a refusal's body, or a good answer's first bytes, to be looked at for what it is. */
  #held = ''
  /** Encoded and not yet sent. */
  #out = ''
  /** What was sent first, and last. */
  #opening = ''
  #sent = ''
  #speaks = false
  #error: GatewayError | null = null
  readonly #keepSent: boolean
  sent: string | null = ''

  constructor(x: Exchange, translated: TranslatedCall, sink: ClientSink, status: number, head: ResponseHead) {
    this.#x = x
    this.#translated = translated
    this.#sink = sink
    this.#head = head
    this.#keepSent = x.plan !== null && x.plan.rescue === 'continue'
    this.#refused = status < 200 || status > 299
    this.#quirks = x.target?.quirks ?? null
    this.#isStream = !this.#refused && translated.provider.relay.isStream(head.header('content-type') ?? 'application/json', x.stream)
    this.#decoder = translated.provider.translating.createDecoder(this.#isStream)
    this.#encoder = translated.client.translating.createEncoder(x.stream, translated.facts)
    this.#cut = translated.request.cut === undefined ? null : new AnswerCut(translated.request.cut)
    this.#structured = translated.output === null ? null : new StructuredAnswer(translated.output, x.stream)
  }

  /** Goes on in another record. */
  follow(x: Exchange): void {
    this.#x = x
  }

  /** `last`: the end follows at once. False = pause. */
  take(chunk: Buffer, last: boolean): boolean {
    if (this.#refused || !this.#isStream) {
      if (this.#held.length < REFUSAL_LIMIT) this.#held += chunk.latin1Slice()
      if (this.#refused && this.#held.length >= REFUSAL_LIMIT) this.#error = this.#translated.provider.relay.classifyResponse(this.#x.upstreamStatus, this.#head, this.#held)
      if (this.#refused) return true
    }
    this.#decoder.push(chunk, this.#onEvent)
    return this.#error !== null || this.#flush(last)
  }

  get streamError(): GatewayError | null {
    return this.#error
  }

  /** The provider's bytes ended cleanly. Answers the client when the answer is whole; otherwise says what it was. */
  end(): AnswerEnd {
    if (!this.#refused) this.#decoder.end(this.#onEvent)
    else if (this.#quirks !== null) this.#held = fitRefusal(this.#held, this.#x.upstreamStatus, this.#quirks)
    const hidden = this.#refused || this.#isStream || this.#quirks?.hiddenRefusal === undefined ? null : hiddenRefusal(this.#judged(), this.#quirks.hiddenRefusal)
    if (hidden !== null) return hidden
    // An answer with usage is an answer; only one without is looked at for an error under a good status.
    if (!this.#isStream && (this.#refused || this.#error !== null || this.#x.usage === UNKNOWN_USAGE)) {
      const error = classifyFitted(this.#translated.provider.relay, this.#x.upstreamStatus, this.#head, this.#judged(), this.#quirks)
      if (error !== null) return error
    }
    if (this.#error !== null) return this.#error
    const { unfit } = this
    if (unfit !== null) return gatewayError('upstream-protocol', `The model's answer is not what the request's schema demands: ${unfit.problem.slice(0, PROBLEM_LIMIT)}.`, { upstreamStatus: this.#x.upstreamStatus })
    if (this.#x.stream) {
      this.#speaks = true
      this.#flush(true)
      this.#sink.end()
    } else this.#respond(200, this.#headers(), this.#out)
    return null
  }

  /** A whole answer that does not fit the schema that was asked for; null = it fits, or nobody asked. */
  get unfit(): UnfitAnswer | null {
    const problem = this.#structured?.problem ?? null
    return problem === null ? null : { answer: this.#structured?.text ?? '', problem }
  }

  /** The provider's own words about the client's request, in the client's shape. False = it said none. */
  handOnRefusal(tellsSecret: (text: string) => boolean): boolean {
    const told = this.#refused && !tellsSecret(this.#held) ? this.#translated.provider.translating.readRefusal(this.#held) : null
    if (told === null) return false
    const kind = this.#x.error === 'upstream-context-length' ? this.#x.error : 'upstream-invalid-request'
    const encoded = this.#translated.client.relay.encodeError(gatewayError(kind, told.message, { param: told.param }), this.#x.requestId)
    const status = this.#x.upstreamStatus
    this.#respond(status >= 400 && status < 500 ? status : encoded.status, encoded.headers + this.#x.answerHeaders + this.#x.explanation + this.#targetHeaders(), encoded.body)
    return true
  }

  /** Ends a committed answer so that nobody can take it for a whole one (invariant 3). */
  breakOff(error: GatewayError): void {
    // What came in the same read as the error was said before it.
    if (this.#x.stream) {
      const said = this.#take()
      this.#sink.write(said + this.#translated.client.relay.encodeStreamError(error, this.#opening + (said === '' ? this.#sent : said)), true)
    }
    this.#sink.abort()
  }

  /** What was told of usage is on record already. */
  keepUsage(): void {}

  readonly #onEvent = (told: StreamEvent): void => {
    const event = told.type === 'tool-start' ? this.#renamed(told) : told.type === 'finish' && this.#quirks !== null ? neutralFinish(told, this.#quirks) : told
    switch (event.type) {
      case 'error':
        this.#error = event.error
        return
      case 'usage':
        this.#x.usage = event.usage
        break
      case 'finish':
        this.#x.finishReason = event.raw.slice(0, FINISH_LIMIT)
        this.#error = this.#quirks === null ? null : brokenFinish(event.raw, this.#quirks)
        if (this.#error !== null) return
        break
      case 'start': break
      default: this.#speaks = true
    }
    if (this.#cut === null) this.#pass(event)
    else this.#cut.take(event, this.#pass)
  }

  readonly #pass = (event: StreamEvent): void => {
    if (this.#structured === null) this.#out += this.#encoder.event(event)
    else this.#structured.take(event, this.#encode)
  }

  /** The client's own name for its tool. */
  #renamed(event: Extract<StreamEvent, { type: 'tool-start' }>): StreamEvent {
    const name = this.#translated.toolNames?.get(event.name)
    return name === undefined ? event : { ...event, name }
  }

  readonly #encode = (event: StreamEvent): void => {
    this.#out += this.#encoder.event(event)
  }

  /** A long answer is not looked at for an error: it would have to be parsed for that, and its decoder does. */
  #judged(): string {
    return this.#refused || this.#held.length < REFUSAL_LIMIT ? this.#held : '{}'
  }

  #flush(last: boolean): boolean {
    if (!this.#x.stream || !this.#speaks || this.#out === '') return true
    const first = this.#x.committedAt === 0
    if (first) {
      this.#x.committedAt = performance.now()
      this.#x.status = 200
      this.#sink.begin(200, this.#headers())
    }
    const text = this.#take()
    this.#sent = text
    if (first) this.#opening = text
    // Looked up after the commitment: with it the record may have changed.
    const x = this.#x
    x.responseBytes += text.length
    this.#keepBody(text)
    return this.#sink.write(text, last)
  }

  /** What is due to the client, as a plugin leaves it. */
  #take(): string {
    const text = this.#out
    if (this.#keepSent) this.sent = keptSent(this.sent, text)
    this.#out = ''
    const onEvent = this.#x.snapshot.hooks.onEvent
    return onEvent === null ? text : onEvent(this.#x, Buffer.from(text, 'latin1')).latin1Slice()
  }

  #respond(status: number, headers: string, text: string): void {
    const x = this.#x
    this.#out = text
    const body = this.#take()
    x.committedAt = performance.now()
    x.status = status
    x.responseBytes = body.length
    this.#keepBody(body)
    this.#sink.respond(status, headers, body)
  }

  #headers(): string {
    const { client } = this.#translated
    return `content-type: ${this.#contentType()}\r\n${client.relay.requestIdHeader}: ${this.#x.requestId}\r\n${this.#x.answerHeaders}${this.#x.explanation}${this.#targetHeaders()}`
  }

  #contentType(): string {
    return this.#translated.client.translating.contentType(this.#x.stream, this.#translated.facts)
  }

  #targetHeaders(): string {
    return (this.#x.target?.answerHeaders ?? '') + lossHeaders(this.#x.dropped, this.#x.approximated)
  }

  #keepBody(text: string): void {
    const policy = this.#x.snapshot.policy
    if (policy.logBodies === 'none' || this.#x.responseBody.length >= policy.logBodyLimit) return
    this.#x.responseBody = (this.#x.responseBody + text).slice(0, policy.logBodyLimit)
  }
}
