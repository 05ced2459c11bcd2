import type { ClientListener, ClientSink } from '@headrace/contract'

/** Characters of an answer that are kept to be compared: one char = one byte. */
const KEPT_LIMIT = 2 ** 20

/** What an answer came to, as its client gets it. */
export class SeenAnswer {
  stream = false
  /** It ended like a whole one. */
  whole = false
  /** Latin1; null = too long to be kept. */
  body: string | null = ''

  add(bytes: Buffer | string): void {
    if (this.body === null) return
    const text = typeof bytes === 'string' ? bytes : bytes.latin1Slice()
    this.body = this.body.length + text.length > KEPT_LIMIT ? null : this.body + text
  }
}

/** Stands before a client's sink, passes everything on as it comes, and remembers it. `onSettled` is called once, when the exchange has settled. */
export class MirrorSink implements ClientSink {
  readonly seen = new SeenAnswer()
  onSettled: (() => void) | null = null
  /** The first attempt is about to begin. */
  onStart: (() => void) | null = null
  readonly #sink: ClientSink

  constructor(sink: ClientSink) {
    this.#sink = sink
  }

  get closed(): boolean {
    return this.#sink.closed
  }

  get listener(): ClientListener | null {
    return this.#sink.listener
  }

  /** The attempts listen from their start until they have settled. */
  set listener(listener: ClientListener | null) {
    this.#sink.listener = listener
    if (listener === null) this.onSettled?.()
    else this.onStart?.()
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    this.seen.add(body)
    this.seen.whole = status < 300
    this.#sink.respond(status, headers, body)
  }

  begin(status: number, headers: string): void {
    this.seen.stream = true
    this.#sink.begin(status, headers)
  }

  write(chunk: Buffer | string, more?: boolean): boolean {
    this.seen.add(chunk)
    return this.#sink.write(chunk, more)
  }

  end(): void {
    this.seen.whole = true
    this.#sink.end()
  }

  abort(): void {
    this.#sink.abort()
  }
}

/** A sink that leads nowhere: the answer is only looked at. */
export class BlindSink implements ClientSink {
  readonly seen = new SeenAnswer()
  readonly closed = false
  listener: ClientListener | null = null

  respond(status: number, _headers: string, body: Buffer | string): void {
    this.seen.add(body)
    this.seen.whole = status < 300
  }

  begin(): void {
    this.seen.stream = true
  }

  write(chunk: Buffer | string): boolean {
    this.seen.add(chunk)
    return true
  }

  end(): void {
    this.seen.whole = true
  }

  abort(): void {}
}
