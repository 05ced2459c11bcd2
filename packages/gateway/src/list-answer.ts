import { gatewayError, type ClientSink, type ListDecoder, type ListEncoder, type Exchange, type GatewayError, type ResponseHead } from '@headrace/contract'
import { REFUSAL_LIMIT, type AnswerEnd, type AttemptAnswer } from './answer.ts'
import { classifyFitted, fitRefusal, hiddenRefusal } from './transformation/relay/fit-answer.ts'
import { lossHeaders, type TranslatedList } from './translation.ts'

/**
 * Takes one attempt's list (embeddings, documents in their order) in the provider's format and gives it to the client in its own, element by element: a short answer when it is
 * whole (so that a broken one falls back), a long one from `holdLimit` on as it comes. One instance per attempt.
 */
export class ListAnswer implements AttemptAnswer {
  #x: Exchange
  readonly #translated: TranslatedList
  readonly #sink: ClientSink
  readonly #head: ResponseHead
  readonly #collectBehind: (bytes: number) => void
  readonly #refused: boolean
  readonly #decoder: ListDecoder
  readonly #encoder: ListEncoder
  /** Latin1: a refusal's body, or a good answer's first bytes, to be looked at for what it is. */
  #held = ''
  /** Encoded and not yet sent. */
  #out = ''
  #endless: GatewayError | null = null
  readonly sent = ''

  /** `collectBehind` hears how many bytes of a long answer have gone by. */
  constructor(x: Exchange, translated: TranslatedList, sink: ClientSink, status: number, head: ResponseHead, collectBehind: (bytes: number) => void) {
    this.#x = x
    this.#translated = translated
    this.#sink = sink
    this.#head = head
    this.#collectBehind = collectBehind
    this.#refused = status < 200 || status > 299
    this.#decoder = translated.createDecoder()
    this.#encoder = translated.createEncoder()
  }

  /** Goes on in another record. */
  follow(x: Exchange): void {
    this.#x = x
  }

  /** `last`: the end follows at once. False = pause. */
  take(chunk: Buffer, _last: boolean): boolean {
    const text = chunk.latin1Slice()
    if (this.#held.length < REFUSAL_LIMIT) this.#held += text
    if (this.#refused) {
      if (this.#held.length >= REFUSAL_LIMIT) this.#endless = this.#classify()
      return true
    }
    this.#decoder.push(text, this.#onElement)
    return this.#decoder.error !== null || this.#out.length <= (this.#x.committedAt === 0 ? this.#x.snapshot.policy.holdLimit : 0) || this.#flush()
  }

  readonly #onElement = (element: string): void => {
    this.#out += this.#encoder.element(element)
  }

  get streamError(): GatewayError | null {
    return this.#endless ?? this.#decoder.error
  }

  /** The provider's bytes ended cleanly. Answers the client when the answer is whole; otherwise says what it was. */
  end(): AnswerEnd {
    const quirks = this.#x.target?.quirks ?? null
    if (this.#refused) {
      if (quirks !== null) this.#held = fitRefusal(this.#held, this.#x.upstreamStatus, quirks)
      return this.#classify()
    }
    const told = this.#decoder.end()
    if (!told.ok) return (quirks?.hiddenRefusal === undefined ? null : hiddenRefusal(this.#held, quirks.hiddenRefusal)) ?? (this.#held.length < REFUSAL_LIMIT ? this.#classify() : null) ?? told.error
    this.#x.usage = told.value.usage
    this.#out += this.#encoder.end(told.value)
    if (this.#x.committedAt === 0) this.#respond(200, this.#headers(), this.#out)
    else {
      this.#flush()
      this.#sink.end()
    }
    return null
  }

  #classify(): GatewayError | null {
    return classifyFitted(this.#translated.provider.relay, this.#x.upstreamStatus, this.#head, this.#held, this.#x.target?.quirks ?? null)
  }

  /** The provider's own words about the client's request, in the client's shape. False = it said none. */
  handOnRefusal(tellsSecret: (text: string) => boolean): boolean {
    const { client, provider } = this.#translated
    const told = this.#refused && !tellsSecret(this.#held) ? provider.translating.readRefusal(this.#held) : null
    if (told === null) return false
    const kind = this.#x.error === 'upstream-context-length' ? this.#x.error : 'upstream-invalid-request'
    const encoded = client.encodeError(gatewayError(kind, told.message, { param: told.param }), this.#x.requestId)
    const status = this.#x.upstreamStatus
    this.#respond(status >= 400 && status < 500 ? status : encoded.status, encoded.headers + this.#x.answerHeaders + this.#x.explanation + this.#targetHeaders(), encoded.body)
    return true
  }

  /** Cuts a committed answer off: half of a JSON object is nobody's whole answer (invariant 3). */
  breakOff(): void {
    this.#sink.abort()
  }

  /** Usage is told at the end. */
  keepUsage(): void {}

  #flush(): boolean {
    if (this.#x.committedAt === 0) {
      this.#x.committedAt = performance.now()
      this.#x.status = 200
      this.#sink.begin(200, this.#headers())
    }
    const bytes = this.#take()
    this.#x.responseBytes += bytes.length
    const more = this.#sink.write(bytes, false)
    this.#collectBehind(bytes.length)
    return more
  }

  #respond(status: number, headers: string, text: string): void {
    this.#out = text
    const bytes = this.#take()
    this.#x.committedAt = performance.now()
    this.#x.status = status
    this.#x.responseBytes = bytes.length
    this.#sink.respond(status, headers, bytes)
  }

  /** What is due to the client, as a plugin leaves it, and as the log keeps it. */
  #take(): Buffer | string {
    const { hooks: { onEvent }, policy } = this.#x.snapshot
    const bytes = onEvent === null ? this.#out : onEvent(this.#x, Buffer.from(this.#out, 'latin1'))
    this.#out = ''
    if (policy.logBodies !== 'none' && this.#x.responseBody.length < policy.logBodyLimit) {
      this.#x.responseBody = (this.#x.responseBody + (typeof bytes === 'string' ? bytes : bytes.latin1Slice())).slice(0, policy.logBodyLimit)
    }
    return bytes
  }

  #headers(): string {
    return `content-type: application/json\r\n${this.#translated.client.requestIdHeader}: ${this.#x.requestId}\r\n${this.#x.answerHeaders}${this.#x.explanation}${this.#targetHeaders()}`
  }

  #targetHeaders(): string {
    return (this.#x.target?.answerHeaders ?? '') + lossHeaders(this.#x.dropped, this.#x.approximated)
  }
}
