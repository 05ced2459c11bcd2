import { IncomingMessage } from 'node:http'

/** Hears of a request's body in the parser's own turn. */
export interface BodyReceiver {
  onBody(request: SlowRequest, chunk: Buffer): void
  /** The whole message is parsed, trailers included. */
  onBodyEnd(request: SlowRequest): void
}

/**
 * A request of `node:http` whose body can be had without the machinery of a readable stream: that costs as much as all the parsing.
 * The parser gives bodies to `push`; with a receiver they go no further, and the stream is never read.
 */
export class SlowRequest extends IncomingMessage {
  #receiver: BodyReceiver | null = null

  /** Only in the turn in which the head came: what was pushed before lies in the stream. */
  deliverTo(receiver: BodyReceiver): void {
    this.#receiver = receiver
  }

  override push(chunk: Buffer | null): boolean {
    const receiver = this.#receiver
    if (receiver === null) return super.push(chunk)
    if (chunk === null) receiver.onBodyEnd(this)
    else receiver.onBody(this, chunk)
    return true
  }

  /** After the answer `node:http` reads what nobody has read: nothing is here. */
  override read(size?: number): unknown {
    return this.#receiver === null ? super.read(size) : null
  }

  override resume(): this {
    return this.#receiver === null ? super.resume() : this
  }
}
