import type { ClientListener, ClientSink } from '@headrace/contract'
import type { Flight } from './flight.ts'
import { FlightReader, type AnswerHead } from './flight-reader.ts'

/** The client whose request is run: it gets the answer as if it were alone. When it leaves, the call goes on for the others. */
export class LeadReader extends FlightReader implements ClientListener {
  override readonly leads = true
  readonly #sink: ClientSink
  readonly #flight: Flight

  constructor(sink: ClientSink, flight: Flight) {
    super()
    this.#sink = sink
    this.#flight = flight
    sink.listener = this
  }

  onRun(): void {}

  begin({ status, headers }: AnswerHead): void {
    this.#sink.begin(status, headers)
  }

  write(text: string, more: boolean): boolean {
    return this.#sink.write(text, more)
  }

  end(): void {
    this.#sink.listener = null
    this.#sink.end()
  }

  abort(): void {
    this.#sink.listener = null
    this.#sink.abort()
  }

  respond({ status, headers }: AnswerHead, body: Buffer | string): void {
    this.#sink.listener = null
    this.#sink.respond(status, headers, body)
  }

  /** Whoever leads is never turned away. */
  retry(): void {}

  onDrain(): void {
    this.#flight.drained(this)
  }

  onClose(): void {
    this.#flight.leave(this)
  }

  /** The call ends, and with it everybody's answer. */
  onShutdown(): void {
    this.#flight.listener?.onShutdown()
  }
}
