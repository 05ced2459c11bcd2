import type { Socket } from 'node:net'
import type { ErrorKind } from '@headrace/contract'
import type { Flight } from './flight.ts'
import { FlightReader, type AnswerHead } from './flight-reader.ts'
import { BROKEN, bytesFrame, dataFrame, END, GONE, HEAD, JOINED, RESPONSE, RUNS } from './flight-wire.ts'

/** Another worker, whose clients read a flight of this one: it is sent the bytes once for all of them. */
export class RemoteReader extends FlightReader {
  readonly #socket: Socket
  readonly #flight: Flight

  constructor(socket: Socket, flight: Flight) {
    super()
    this.#socket = socket
    this.#flight = flight
  }

  join(): void {
    this.#socket.on('drain', () => this.#flight.drained(this))
    this.#socket.on('close', () => this.#flight.leave(this))
    this.#socket.write(dataFrame(JOINED, {}))
    if (!this.#flight.join(this)) this.retry()
  }

  onRun(): void {
    this.#socket.write(dataFrame(RUNS, {}))
  }

  begin(head: AnswerHead): void {
    this.#socket.write(dataFrame(HEAD, head))
  }

  write(text: string): boolean {
    return this.#socket.write(bytesFrame(text))
  }

  end(): void {
    this.#socket.end(dataFrame(END, {}))
  }

  abort(kind: ErrorKind): void {
    this.#socket.end(dataFrame(BROKEN, { kind }))
  }

  respond(head: AnswerHead, body: Buffer | string, kind: ErrorKind | null): void {
    this.#socket.write(dataFrame(RESPONSE, { head, kind }))
    this.#socket.end(bytesFrame(body))
  }

  retry(): void {
    this.#socket.end(dataFrame(GONE, {}))
  }
}
