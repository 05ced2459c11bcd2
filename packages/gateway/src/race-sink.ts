import type { ClientListener, ClientSink } from '@headrace/contract'

/** The client's sink as an attempt sees it that runs beside another one: `onFirst` is called before the first of its bytes goes to the client. */
export class RaceSink implements ClientSink {
  readonly #sink: ClientSink
  #onFirst: (() => void) | null

  constructor(sink: ClientSink, onFirst: () => void) {
    this.#sink = sink
    this.#onFirst = onFirst
  }

  get closed(): boolean {
    return this.#sink.closed
  }

  get listener(): ClientListener | null {
    return this.#sink.listener
  }

  set listener(listener: ClientListener | null) {
    this.#sink.listener = listener
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    this.#first()
    this.#sink.respond(status, headers, body)
  }

  begin(status: number, headers: string): void {
    this.#first()
    this.#sink.begin(status, headers)
  }

  write(chunk: Buffer | string, more?: boolean): boolean {
    return this.#sink.write(chunk, more)
  }

  end(): void {
    this.#first()
    this.#sink.end()
  }

  abort(): void {
    this.#sink.abort()
  }

  #first(): void {
    const onFirst = this.#onFirst
    this.#onFirst = null
    onFirst?.()
  }
}
