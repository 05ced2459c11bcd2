import { Transform, type Readable, type TransformCallback } from 'node:stream'
import { gatewayError, type GatewayError, type PassedBody } from '@headrace/contract'

/** Bytes of all bodies after which their reads are collected. */
const COLLECT_BYTES = 2 * 2 ** 20
export const TOO_LONG = Object.freeze(gatewayError('body-too-large', 'The request body is larger than this gateway takes. Send less, or raise server.limits.upload.'))
let uncollected = 0

/**
 * Reads that are through are young garbage of 64 KiB each, of which V8 lets 64 MiB lie about before it looks. A body of 25 MB took 38 MiB of memory so, and takes less
 * than 4 with a collection of what is young after every 2 MiB.
 */
export function collectAfter(bytes: number, collectYoung: () => void): void {
  uncollected += bytes
  if (uncollected < COLLECT_BYTES) return
  uncollected = 0
  collectYoung()
}

/** Told once, when a body turns out not to be fit to go on; it goes no further. */
export type OnUnfit = (error: GatewayError) => void
/** Looks at what goes by of a body; null = it may go on. */
export type Inspect = (chunk: Buffer) => GatewayError | null

/** A body on its way from a client to a provider: read no faster than it is taken, and counted. */
export class PassBody extends Transform implements PassedBody {
  readonly announced: number
  passed = 0
  readonly #maxBytes: number
  readonly #onUnfit: OnUnfit
  readonly #collectYoung: () => void
  readonly #inspect: Inspect | null
  #restBegun = false

  /** `inspect`: of what comes after the start; null = nobody looks. */
  constructor(announced: number, maxBytes: number, onUnfit: OnUnfit, collectYoung: () => void, inspect: Inspect | null = null) {
    super()
    this.announced = announced
    this.#maxBytes = maxBytes
    this.#onUnfit = onUnfit
    this.#collectYoung = collectYoung
    this.#inspect = inspect
    // Whoever destroys it knows why.
    this.on('error', () => undefined)
  }

  get waiting(): boolean {
    return this.readableLength > 0
  }

  /** Something of the rest was taken from its client: the same body cannot be had again. */
  get restBegun(): boolean {
    return this.#restBegun
  }

  /** `start`: what was read of it already; `rest`: where the rest comes from, null = that was all. The rest is not touched before the provider takes the start. */
  feed(start: readonly Buffer[], rest: Readable | null): void {
    const goOn = (): void => {
      if (rest === null || this.destroyed) return
      this.#restBegun = true
      rest.pipe(this)
    }
    start.forEach((part, index) => this.write(part, index === start.length - 1 ? goOn : undefined))
    if (rest === null) this.end()
    else if (start.length === 0) goOn()
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.passed += chunk.length
    if (this.passed > this.#maxBytes) return this.#onUnfit(TOO_LONG)
    const unfit = this.#restBegun && this.#inspect !== null ? this.#inspect(chunk) : null
    if (unfit !== null) return this.#onUnfit(unfit)
    collectAfter(chunk.length, this.#collectYoung)
    done(null, chunk)
  }
}

/** Bytes of a body's beginning. `whole`: that was all. */
export interface BodyStart { readonly bytes: Buffer, readonly whole: boolean }

/** Reads a body's beginning and stops: at its end, or once there are `limit` bytes or a little more. Calls back once, or never if the client leaves. */
export function readStart(body: Readable, limit: number, done: (start: BodyStart) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  const finish = (whole: boolean): void => {
    body.off('data', onData).off('end', onEnd)
    if (!whole) body.pause()
    done({ bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size), whole })
  }
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk)
    size += chunk.length
    if (size >= limit) finish(false)
  }
  const onEnd = (): void => finish(true)
  body.on('data', onData).on('end', onEnd)
}
