import type { ClientListener, ClientSink, KeptAnswer } from '@headrace/contract'

/** Where a recorded answer goes. */
export interface Recorder {
  /** A whole answer, null where it is larger than is kept. Resolves when the client may have its end. */
  keep(answer: KeptAnswer | null): Promise<void>
  /** It came to no whole answer. */
  drop(): void
}

/** Header lines of an answer that are its own, not its exchange's: only these are kept. */
const OWN = /^(?:content-type|headrace-(?!explain:)[a-z-]+):/i

/**
 * Stands before a client's sink and remembers what goes through. The end of a whole answer leaves when the answer is kept: whoever has seen it can be
 * given it again. Anything else - a refusal, a break, a client that left - keeps nothing.
 */
export class RecordedSink implements ClientSink, ClientListener {
  readonly #sink: ClientSink
  readonly #recorder: Recorder
  readonly #limit: number
  #listener: ClientListener | null = null
  #status = 0
  #headers = ''
  /** Latin1: one char = one byte. */
  #parts: string[] = []
  #bytes = 0
  /** The answer is over, whole or not; `#deliver` gives a whole one's end to the client. */
  #over = false
  #deliver: (() => void) | null = null

  /** `limit`: bytes of an answer that are kept. */
  constructor(sink: ClientSink, recorder: Recorder, limit: number) {
    this.#sink = sink
    this.#recorder = recorder
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
    if (status < 200 || status > 299) {
      this.#drop()
      return this.#sink.respond(status, headers, body)
    }
    const text = typeof body === 'string' ? body : body.latin1Slice()
    this.#begin(status, headers)
    this.#record(text)
    this.#keep(false, () => this.#sink.respond(status, headers, text))
  }

  begin(status: number, headers: string): void {
    if (this.#over || this.#status !== 0) return
    this.#begin(status, headers)
    this.#sink.begin(status, headers)
  }

  write(chunk: Buffer | string, more?: boolean): boolean {
    if (this.#over) return true
    const text = typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    this.#record(text)
    return this.#sink.write(text, more)
  }

  end(): void {
    if (this.#over || this.#status === 0) return
    this.#keep(true, () => this.#sink.end())
  }

  abort(): void {
    if (this.#over) return
    this.#drop()
    this.#sink.abort()
  }

  onDrain(): void {
    this.#listener?.onDrain()
  }

  onClose(): void {
    if (!this.#over) this.#drop()
    this.#listener?.onClose()
  }

  /** An answer that only waits for being kept does not wait any longer. */
  onShutdown(): void {
    if (this.#deliver !== null) return this.#finish()
    this.#listener?.onShutdown()
  }

  #begin(status: number, headers: string): void {
    this.#status = status
    this.#headers = headers.split('\r\n').filter(line => OWN.test(line)).map(line => `${line}\r\n`).join('')
  }

  #record(text: string): void {
    this.#bytes += text.length
    if (this.#bytes <= this.#limit) this.#parts.push(text)
    else this.#parts = []
  }

  #keep(stream: boolean, deliver: () => void): void {
    this.#over = true
    this.#deliver = deliver
    const answer = this.#bytes > this.#limit ? null : { status: this.#status, headers: this.#headers, stream, body: Buffer.from(this.#parts.join(''), 'latin1') }
    this.#parts = []
    void this.#recorder.keep(answer).then(() => this.#finish())
  }

  #finish(): void {
    const deliver = this.#deliver
    this.#deliver = null
    deliver?.()
  }

  #drop(): void {
    this.#over = true
    this.#parts = []
    this.#recorder.drop()
  }
}
