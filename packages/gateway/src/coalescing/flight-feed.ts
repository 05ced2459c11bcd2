import { connect, type Socket } from 'node:net'
import type { ClientListener } from '@headrace/contract'
import type { Flight } from './flight.ts'
import { BROKEN, BYTES, dataFrame, END, FrameCutter, frameData, GONE, HEAD, JOIN, JOINED, RESPONSE, RUNS, type FrameData } from './flight-wire.ts'

/** The other worker says that the flight is joined within this time, ms, or it is not waited for. */
const JOIN_MS = 1_000

/** Reads a flight that another worker leads, once for all who wait for it in this one. */
export class FlightFeed implements ClientListener {
  readonly #flight: Flight
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout
  readonly #onRefused: () => void
  #lost = false
  #response: FrameData[typeof RESPONSE] | null = null

  /** `onRefused`: nothing more comes from there, and not because the answer is at its end. Called before the flight hears of it. */
  constructor(path: string, key: string, flight: Flight, onRefused: () => void) {
    this.#flight = flight
    this.#onRefused = onRefused
    flight.source(this)
    const socket = this.#socket = connect(path)
    const cutter = new FrameCutter((kind, content) => this.#take(kind, content))
    this.#timer = setTimeout(() => socket.destroy(), JOIN_MS).unref()
    socket.write(dataFrame(JOIN, { key }))
    socket.on('data', (chunk: Buffer) => cutter.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(this.#timer)
      this.#lose()
    })
  }

  onDrain(): void {
    this.#socket.resume()
  }

  /** Nobody here reads it any more. */
  onClose(): void {
    this.#socket.destroy()
  }

  onShutdown(): void {}

  #take(kind: number, content: Buffer): void {
    const flight = this.#flight
    switch (kind) {
      case JOINED: return clearTimeout(this.#timer)
      case RUNS: return flight.run()
      case HEAD: return flight.beginWith(frameData(HEAD, content))
      case BYTES: return this.#takeBytes(content)
      case END: return flight.end()
      case BROKEN: return flight.breakOff(frameData(BROKEN, content).kind)
      case RESPONSE:
        this.#response = frameData(RESPONSE, content)
        return
      case GONE: return this.#lose()
      default: this.#socket.destroy()
    }
  }

  #lose(): void {
    if (this.#lost || this.#flight.over) return
    this.#lost = true
    this.#onRefused()
    this.#flight.lose('The process that this answer came through has ended. Send the request again.')
  }

  #takeBytes(content: Buffer): void {
    if (this.#response !== null) this.#flight.respondWith(this.#response.head, content, this.#response.kind)
    else if (!this.#flight.write(content)) this.#socket.pause()
  }
}
