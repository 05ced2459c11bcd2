import type { ClientListener, ClientSink } from '@headrace/contract'

/** How the head of a stream of events says so. */
export const EVENTS = /^content-type: *text\/event-stream/im

/** Who decides when an answer's end may leave. */
export interface AnswerKeeper {
  /** A stream that is larger than is kept passes all the same. False = it is broken off. */
  readonly passesLarge: boolean
  /** Header lines of the answer, each ending in CRLF. */
  headers(): string
  /**
   * A whole answer; latin1. Resolves when its end may go to the client: null = as it is, else the event or body that says what went wrong instead, after which
   * a stream is broken off.
   */
  keep(stream: boolean, answer: string): Promise<Refused | null>
  /** It came to no whole answer. Resolves when the client may be told so. */
  drop(): Promise<void>
}

export interface Refused { readonly status: number, readonly headers: string, readonly body: string, readonly event: string }

/**
 * Stands before a client's sink and holds back the end of a whole answer until it is kept. Of a stream the event that ends it is held: a client that has seen
 * it may go on at once, and finds its turn done. A refusal, a break, a client that left keep nothing.
 */
export class HeldSink implements ClientSink, ClientListener {
  readonly #sink: ClientSink
  readonly #keeper: AnswerKeeper
  readonly #limit: number
  readonly #ending: string
  #listener: ClientListener | null = null
  #begun = false
  /** It is a stream of events; else an answer in one piece that is too large to be held. */
  #streams = false
  #over = false
  /** Null = it is too large, and passes as it comes. */
  #parts: string[] | null = []
  #bytes = 0
  /** From the ending event on. */
  #held = ''

  /** `ending`: how the event that ends a stream begins; `limit`: bytes of an answer. */
  constructor(sink: ClientSink, keeper: AnswerKeeper, ending: string, limit: number) {
    this.#sink = sink
    this.#keeper = keeper
    this.#ending = ending
    this.#limit = limit
    sink.listener = this
  }

  get closed(): boolean {
    return this.#sink.closed
  }

  get listener(): ClientListener | null {
    return this.#listener
  }

  set listener(listener: ClientListener | null) {
    this.#listener = listener
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    if (this.#over || this.#begun) return
    this.#over = true
    if (status < 200 || status > 299) {
      void this.#keeper.drop().then(() => this.#sink.respond(status, headers, body))
      return
    }
    const text = typeof body === 'string' ? body : body.latin1Slice()
    void this.#keeper.keep(false, text).then(refused => refused === null ? this.#sink.respond(status, headers + this.#keeper.headers(), text)
      : this.#sink.respond(refused.status, refused.headers, refused.body))
  }

  begin(status: number, headers: string): void {
    if (this.#over || this.#begun) return
    this.#begun = true
    this.#streams = EVENTS.test(headers)
    this.#sink.begin(status, headers + this.#keeper.headers())
  }

  write(chunk: Buffer | string, more?: boolean): boolean {
    if (this.#over) return true
    if (this.#parts === null) return this.#sink.write(chunk, more)
    const text = typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    this.#bytes += text.length
    if (this.#bytes > this.#limit) return this.#outgrow(text, more)
    this.#parts.push(text)
    // Whole events come together, so that the ending is never cut.
    const end = this.#held === '' ? this.#endingIn(text) : 0
    if (end === -1) return this.#sink.write(text, more)
    this.#held += text.slice(end)
    return end === 0 || this.#sink.write(text.slice(0, end), more)
  }

  end(): void {
    if (this.#over || !this.#begun) return
    this.#over = true
    if (this.#parts === null) return this.#sink.end()
    void this.#keeper.keep(this.#streams, this.#parts.join('')).then(refused => {
      const rest = refused === null ? this.#held : this.#streams ? refused.event : ''
      if (rest !== '') this.#sink.write(rest, true)
      if (refused === null) this.#sink.end()
      else this.#sink.abort()
    })
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#break()
  }

  /** Where a line begins with the ending; -1 = nowhere. Within a line it is what a model said. */
  #endingIn(text: string): number {
    if (!this.#streams) return -1
    if (text.startsWith(this.#ending)) return 0
    const before = text.indexOf(`\n${this.#ending}`)
    return before === -1 ? -1 : before + 1
  }

  #outgrow(text: string, more: boolean | undefined): boolean {
    if (!this.#keeper.passesLarge) {
      this.abort()
      return true
    }
    this.#parts = null
    void this.#keeper.drop()
    return this.#sink.write(this.#held + text, more)
  }

  #break(): void {
    void this.#keeper.drop().then(() => this.#sink.abort())
  }

  onDrain(): void {
    this.#listener?.onDrain()
  }

  onClose(): void {
    if (!this.#over) {
      this.#over = true
      void this.#keeper.drop()
    }
    this.#listener?.onClose()
  }

  onShutdown(): void {
    if (!this.#over) this.#listener?.onShutdown()
  }
}
