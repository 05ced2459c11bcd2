import { gatewayError, type ClientListener, type ClientSink, type Exchange, type GatewayError, type RelayDialect } from '@headrace/contract'
import { leave, refuse } from './departure.ts'
import type { JourneyLayers } from './journey-request.ts'
import { Admission } from './orchestration/limits/limiter.ts'

/** The client of a request that is passed on as it comes, until its first attempt begins: it may leave, be refused, or be let in. */
export class PassedGuest implements ClientListener {
  readonly #layers: JourneyLayers
  readonly #x: Exchange
  readonly #sink: ClientSink
  readonly #dialect: RelayDialect
  readonly #onGone: (() => void) | null
  /** It left, or was refused: nobody is there to be told. */
  gone = false

  constructor(layers: JourneyLayers, x: Exchange, sink: ClientSink, dialect: RelayDialect, onGone: (() => void) | null = null) {
    this.#layers = layers
    this.#x = x
    this.#sink = sink
    this.#dialect = dialect
    this.#onGone = onGone
    sink.listener = this
  }

  onDrain(): void {}

  onClose(): void {
    this.#go()
    leave(this.#layers, this.#x)
  }

  onShutdown(): void {
    this.refuse(gatewayError('shutting-down', 'The gateway is shutting down. Send the request again.'))
  }

  refuse(error: GatewayError): void {
    this.#go()
    this.#sink.listener = null
    refuse(this.#layers, this.#x, this.#dialect, this.#sink, error)
  }

  #go(): void {
    this.gone = true
    this.#onGone?.()
  }

  /**
   * The limits have the first word, a plugin the last. `bytes`: what is known of the body; `maxOutput`: tokens at most, -1 = nobody says. `go`: the limits count the request from
   * then on, and its attempts give back what they do not use.
   */
  admit(bytes: Buffer, maxOutput: number, go: (admission: Admission) => void): void {
    const { limiter } = this.#layers
    const x = this.#x
    const object = (admission: Admission, refusal: GatewayError): void => {
      limiter.settle(admission, x)
      if (!this.gone) this.refuse(refusal)
    }
    const heard = (admission: Admission | GatewayError): void => {
      x.answerHeaders = limiter.headers(x)
      if (this.gone) return admission instanceof Admission ? limiter.settle(admission, x) : undefined
      if (!(admission instanceof Admission)) return this.refuse(admission)
      x.admittedAt = performance.now()
      const { onCall } = x.snapshot.hooks
      if (onCall === null) return go(admission)
      void onCall(x).then(
        refusal => refusal !== null ? object(admission, refusal) : this.gone ? limiter.settle(admission, x) : go(admission),
        () => object(admission, gatewayError('internal', 'A plugin failed; the request was not sent on.')),
      )
    }
    const admission = limiter.admit(x, { body: bytes }, maxOutput)
    if (admission instanceof Promise) void admission.then(heard)
    else heard(admission)
  }
}
