import { gatewayError, UNKNOWN_USAGE, type ClientSink, type Exchange, type GatewayError, type ProviderQuirks, type RelayDialect, type ResponseHead, type StreamTap } from '@headrace/contract'
import { collectBehind } from './orchestration/memory/collect-garbage.ts'
import { classifyFitted, fitFinish, fitRefusal, hiddenRefusal } from './transformation/relay/fit-answer.ts'
import { lossHeaders } from './translation.ts'

/** Bytes of a provider's refusal that are read to classify it and to hand it on. */
export const REFUSAL_LIMIT = 65_536
/** Bytes kept from the end of a long JSON answer, where its usage stands. */
const USAGE_TAIL = 16_384

/** What an answer came to when the provider's bytes ended: null = a whole answer, given to the client. */
export type AnswerEnd = GatewayError | null

/** What becomes of one attempt's answer: given on as it is (`Answer`), or in another dialect (`TranslatedAnswer`). */
export interface AttemptAnswer {
  /** `last`: the end follows at once. False = pause. */
  take(chunk: Buffer, last: boolean): boolean
  /** An error that the provider reported inside a stream, or a refusal that is too long to be read to its end; or null. */
  readonly streamError: GatewayError | null
  /** The provider's bytes ended cleanly. Answers the client when the answer is whole; otherwise says what it was. */
  end(): AnswerEnd
  /** Hands a provider's own refusal of the request on. False = it is not fit to be handed on. */
  handOnRefusal(tellsSecret: (text: string) => boolean): boolean
  /** Ends a committed answer so that nobody can take it for a whole one (invariant 3). */
  breakOff(error: GatewayError): void
  /** Records what a stream told of its usage so far. */
  keepUsage(): void
  /** Latin1: what a stream gave the client so far, where the model's rescue policy needs it; null = too much to be kept. */
  readonly sent: string | null
}

/** Bytes of a stream that are kept for a rescue. */
const SENT_LIMIT = 2 ** 20

/** What was sent, with what is sent now. */
export const keptSent = (sent: string | null, text: string): string | null => sent === null || sent.length + text.length > SENT_LIMIT ? null : sent + text

/**
 * Takes one attempt's answer and gives it to the client unchanged: streams at once, JSON when it is complete (so that a broken one
 * falls back too), long JSON from `holdLimit` on as it comes, refusals not at all. One instance per attempt: a failed one may hold half an answer.
 */
export class Answer implements AttemptAnswer {
  #x: Exchange
  readonly #dialect: RelayDialect
  readonly #sink: ClientSink
  readonly #head: ResponseHead
  readonly #contentType: string
  readonly #tap: StreamTap | null
  readonly #refused: boolean
  readonly #quirks: ProviderQuirks | null
  /** Latin1: the held answer, the refusal's body, the tail of a long answer, or what a stream forwarded last. */
  #held = ''
  /** What a refusal is that goes on and on: it is not read to its end. Or why the provider broke a stream off, where it said so in a finish reason. */
  #endless: GatewayError | null = null
  #through = false
  readonly #keepSent: boolean
  sent: string | null = ''

  constructor(x: Exchange, dialect: RelayDialect, sink: ClientSink, status: number, head: ResponseHead, withholdUsage: boolean) {
    this.#x = x
    this.#dialect = dialect
    this.#sink = sink
    this.#head = head
    this.#contentType = head.header('content-type') ?? 'application/json'
    this.#refused = status < 200 || status > 299
    this.#quirks = x.target?.quirks ?? null
    this.#keepSent = x.plan !== null && x.plan.rescue === 'continue'
    this.#tap = !this.#refused && dialect.isStream(this.#contentType, x.stream) ? dialect.createStreamTap(withholdUsage, this.#contentType) : null
  }

  /** Goes on in another record. */
  follow(x: Exchange): void {
    this.#x = x
  }

  /** `last`: the end follows at once. False = pause. A stream's error event is not forwarded: it shows as `streamError`. */
  take(chunk: Buffer, last: boolean): boolean {
    if (this.#tap !== null) {
      const passed = this.#tap.push(chunk)
      const out = this.#quirks === null || this.#tap.finishReason === '' ? passed : this.#fitEvents(passed, this.#quirks)
      if (out === '') return true
      this.#held = out
      return this.#forward(out, last)
    }
    if (this.#through) {
      const text = chunk.latin1Slice()
      this.#held = text.length < USAGE_TAIL ? (this.#held + text).slice(-USAGE_TAIL) : text.slice(-USAGE_TAIL)
      const more = this.#forward(text, last)
      collectBehind(text.length)
      return more
    }
    this.#held += chunk.latin1Slice()
    if (this.#refused && this.#held.length >= REFUSAL_LIMIT) this.#endless = this.#dialect.classifyResponse(this.#x.upstreamStatus, this.#head, this.#held)
    if (this.#refused || this.#held.length <= this.#x.snapshot.policy.holdLimit) return true
    const held = this.#held
    this.#through = true
    this.#held = held.slice(-USAGE_TAIL)
    return this.#forward(held, last)
  }

  get streamError(): GatewayError | null {
    return this.#tap === null ? this.#endless : this.#tap.error ?? this.#endless
  }

  /** The provider's bytes ended cleanly. Answers the client when the answer is whole; otherwise says what it was. */
  end(): AnswerEnd {
    if (this.#tap !== null) return this.#endStream(this.#tap)
    if (this.#through) {
      this.#readUsage()
      this.#sink.end()
      return null
    }
    if (!this.#refused) this.#readUsage()
    const own = this.#quirks === null ? null : this.#fitWhole(this.#quirks)
    if (own !== null) return own
    // An answer with usage at its end is an answer; only one without is looked at for an error under a good status.
    if (this.#refused || this.#x.usage === UNKNOWN_USAGE) {
      const error = classifyFitted(this.#dialect, this.#x.upstreamStatus, this.#head, this.#held, this.#quirks)
      if (error !== null) return error
    }
    this.#respond(200)
    return null
  }

  /** Hands a provider's own refusal of the request on, untouched. False = it is not fit to be handed on. */
  handOnRefusal(tellsSecret: (text: string) => boolean): boolean {
    if (!this.#refused || this.#held === '' || this.#held.length >= REFUSAL_LIMIT || !this.#contentType.includes('json') || tellsSecret(this.#contentType + this.#held)) return false
    this.#respond(this.#x.upstreamStatus)
    return true
  }

  /** Ends a committed answer so that nobody can take it for a whole one (invariant 3). */
  breakOff(error: GatewayError): void {
    if (this.#tap !== null) {
      this.keepUsage()
      this.#sink.write((this.#tap.atBoundary ? '' : '\n\n') + this.#dialect.encodeStreamError(error, this.#tap.opening + this.#held), true)
    }
    this.#sink.abort()
  }

  /** Records what a stream told of its usage so far. */
  keepUsage(): void {
    if (this.#tap === null) return
    this.#x.usage = this.#tap.usage
    this.#x.finishReason = this.#tap.finishReason
  }

  /** Events in the dialect's words, up to where the provider broke off. */
  #fitEvents(text: string, quirks: ProviderQuirks): string {
    const fitted = fitFinish(text, quirks)
    this.#endless ??= fitted.error
    return fitted.text
  }

  /** A whole answer or refusal in the dialect's words; an error that came as an answer. */
  #fitWhole(quirks: ProviderQuirks): GatewayError | null {
    if (this.#refused) {
      this.#held = fitRefusal(this.#held, this.#x.upstreamStatus, quirks)
      return null
    }
    const hidden = quirks.hiddenRefusal === undefined ? null : hiddenRefusal(this.#held, quirks.hiddenRefusal)
    const { text, error } = fitFinish(this.#held, quirks)
    if (error === null) this.#held = text
    return hidden ?? error
  }

  #endStream(tap: StreamTap): AnswerEnd {
    this.keepUsage()
    if (tap.error !== null) return tap.error
    if (tap.end() === 'cut') return gatewayError('upstream-truncated', 'The provider ended the stream before the answer was complete.')
    if (tap.missingDone) this.#forward(tap.doneEvent, true)
    this.#sink.end()
    return null
  }

  /** `text` is latin1. */
  #forward(text: string, last: boolean): boolean {
    if (this.#keepSent) this.sent = keptSent(this.sent, text)
    if (this.#x.committedAt === 0) {
      this.#commit(200)
      this.#sink.begin(200, this.#headers())
    }
    // Looked up after the commitment: with it the record may have changed.
    const x = this.#x
    const onEvent = x.snapshot.hooks.onEvent
    const bytes = onEvent === null ? text : onEvent(x, Buffer.from(text, 'latin1'))
    x.responseBytes += bytes.length
    this.#keepBody(bytes)
    return this.#sink.write(bytes, last)
  }

  #respond(status: number): void {
    const onEvent = this.#x.snapshot.hooks.onEvent
    const body = onEvent === null ? this.#held : onEvent(this.#x, Buffer.from(this.#held, 'latin1'))
    this.#commit(status)
    this.#x.responseBytes = body.length
    this.#keepBody(body)
    this.#sink.respond(status, this.#headers(), body)
  }

  #commit(status: number): void {
    this.#x.committedAt = performance.now()
    this.#x.status = status
  }

  #headers(): string {
    return `content-type: ${this.#contentType}\r\n${this.#dialect.requestIdHeader}: ${this.#x.requestId}\r\n${this.#x.answerHeaders}${this.#x.explanation}${this.#x.target?.answerHeaders ?? ''}${lossHeaders(this.#x.dropped, this.#x.approximated)}`
  }

  #readUsage(): void {
    const { usage, finishReason } = this.#dialect.readJsonUsage(this.#held)
    this.#x.usage = usage
    this.#x.finishReason = finishReason
  }


  #keepBody(bytes: Buffer | string): void {
    const policy = this.#x.snapshot.policy
    if (policy.logBodies === 'none' || this.#x.responseBody.length >= policy.logBodyLimit) return
    const text = typeof bytes === 'string' ? bytes : bytes.latin1Slice()
    this.#x.responseBody = (this.#x.responseBody + text).slice(0, policy.logBodyLimit)
  }
}
