import { JsonView } from '@headrace/bytes'
import type { ClientListener, ClientSink } from '@headrace/contract'
import { EVENTS, type Refused } from '../held-sink.ts'
import type { EndedResponse, ResponseRewriter } from './response-rewriter.ts'

/** Who decides when a response's end may leave. */
export interface ResponseKeeper {
  /** Null = it is kept, or need not be; else what is said in its place. `sent`: the first event of the stream and the last one; '' = it was none. Never rejects. */
  keep(ended: EndedResponse, sent: string): Promise<Refused | null>
  /** It came to no whole response. Resolves when the client may be told so. */
  drop(): Promise<void>
}

/**
 * Stands before a client's sink: says the answer as the rewriter has it, and holds its end back until the response is kept. A client that has seen the end may go
 * on at once, or ask for the response. What is refused, breaks off or loses its client leaves nothing behind.
 */
export class ResponseSink implements ClientSink, ClientListener {
  readonly #sink: ClientSink
  readonly #rewriter: ResponseRewriter
  readonly #keeper: ResponseKeeper
  readonly #limit: number
  #listener: ClientListener | null = null
  #over = false
  #status = 0
  #headers = ''
  #streams = false
  /** What is not a whole event yet; of an answer that is no stream, all of it. */
  #rest = ''
  /** From the event on with which the response ends. */
  #held = ''
  #first = ''
  #last = ''

  /** `limit`: bytes of a response. */
  constructor(sink: ClientSink, rewriter: ResponseRewriter, keeper: ResponseKeeper, limit: number) {
    this.#sink = sink
    this.#rewriter = rewriter
    this.#keeper = keeper
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
    if (this.#over || this.#status !== 0) return
    this.#over = true
    const text = typeof body === 'string' ? body : body.latin1Slice()
    if (status < 200 || status > 299) return this.#give(status, headers, text)
    const view = JsonView.parse(text)
    const told = view?.kind === 'object' ? this.#rewriter.response(view) : text
    const { ended } = this.#rewriter
    if (ended === null) return this.#give(status, headers, told)
    void this.#keeper.keep(ended, '').then(refused => refused === null ? this.#sink.respond(status, headers, told) : this.#sink.respond(refused.status, refused.headers, refused.body))
  }

  begin(status: number, headers: string): void {
    if (this.#over || this.#status !== 0) return
    this.#status = status
    this.#headers = headers
    this.#streams = EVENTS.test(headers)
    if (this.#streams) this.#sink.begin(status, headers)
  }

  write(chunk: Buffer | string, more?: boolean): boolean {
    if (this.#over) return true
    const text = typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    if (this.#rest.length + text.length > this.#limit) {
      this.abort()
      return true
    }
    this.#rest += text
    if (!this.#streams) return true
    const end = this.#rest.endsWith('\n\n') ? this.#rest.length : Math.max(this.#rest.lastIndexOf('\n\n') + 2, this.#rest.lastIndexOf('\r\n\r\n') + 4)
    if (end < 4) return true
    const whole = this.#rest.slice(0, end)
    this.#rest = this.#rest.slice(end)
    const told = this.#rewrite(whole)
    return told === '' || this.#sink.write(told, more)
  }

  end(): void {
    if (this.#over || this.#status === 0) return
    if (!this.#streams) {
      const status = this.#status
      this.#status = 0
      return this.respond(status, this.#headers, this.#rest)
    }
    this.#over = true
    const { ended } = this.#rewriter
    if (ended === null) {
      void this.#keeper.drop().then(() => {
        if (this.#held + this.#rest !== '') this.#sink.write(this.#held + this.#rest, true)
        this.#sink.end()
      })
      return
    }
    void this.#keeper.keep(ended, this.#first + this.#last).then(refused => {
      this.#sink.write(refused === null ? this.#held + this.#rest : refused.event, true)
      if (refused === null) this.#sink.end()
      else this.#sink.abort()
    })
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    void this.#keeper.drop().then(() => {
      // Where nothing of it has left, its head goes first, so that it is an answer that broke off.
      if (!this.#streams && this.#status !== 0) this.#sink.begin(this.#status, this.#headers)
      this.#sink.abort()
    })
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

  #give(status: number, headers: string, body: string): void {
    void this.#keeper.drop().then(() => this.#sink.respond(status, headers, body))
  }

  /** What may leave of these events. */
  #rewrite(events: string): string {
    let told = ''
    for (const event of events.split(/(?<=\n\r?\n)/)) {
      const said = this.#rewriter.event(event)
      if (this.#held !== '' || this.#rewriter.ended !== null) this.#held += said
      else {
        told += said
        if (this.#first === '' && said.includes('response.created')) this.#first = said
        else this.#last = said
      }
    }
    return told
  }
}
