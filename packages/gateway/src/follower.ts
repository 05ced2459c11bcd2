import { ERROR_POLICY, gatewayError, type ClientListener, type ClientSink, type ErrorKind, type Exchange, type GatewayError, type RelayDialect } from '@headrace/contract'
import type { Flight } from './coalescing/flight.ts'
import { FlightReader, type AnswerHead } from './coalescing/flight-reader.ts'
import { LeadReader } from './coalescing/lead-reader.ts'
import type { Journal } from './observability/journal.ts'
import type { Metrics } from './observability/metrics.ts'
import { Admission, type Limiter } from './orchestration/limits/limiter.ts'
import type { Rescue } from './rescue.ts'

const NOTHING = Buffer.alloc(0)

export interface FollowerLayers { readonly limiter: Limiter, readonly journal: Journal, readonly metrics: Metrics }

/** What becomes of it, where it is not answered here: one of these is called, once. */
export interface FollowerOutcome {
  refuse(error: GatewayError): void
  /** The call that it joined came to nothing that could be its answer. It holds nothing of its limits. */
  again(): void
  /** What goes on with what was sent, where the model's rescue policy and the answer allow it; null = nothing does. */
  rescue(sent: string): Rescue | null
  /** It makes a call of its own, for all who read with it. */
  goOn(rescue: Rescue, admission: Admission): void
}

/**
 * A request that is the same as one that runs: it gets that one's answer, from the beginning, under its own request id. It counts as a request, and takes
 * a slot; tokens and cost are the leading exchange's. It has a row of its own, which names that one.
 */
export class Follower extends FlightReader implements ClientListener {
  readonly #layers: FollowerLayers
  readonly #x: Exchange
  readonly #dialect: RelayDialect
  readonly #sink: ClientSink
  readonly #flight: Flight
  readonly #outcome: FollowerOutcome
  #admission: Admission | null = null
  #leader = ''
  #done = false

  constructor(layers: FollowerLayers, x: Exchange, dialect: RelayDialect, sink: ClientSink, flight: Flight, outcome: FollowerOutcome) {
    super()
    this.#layers = layers
    this.#x = x
    this.#dialect = dialect
    this.#sink = sink
    this.#flight = flight
    this.#outcome = outcome
    this.held = true
  }

  /** Joins at once, so that the call does not end for want of readers, and takes bytes when its limits have spoken. */
  start(): void {
    if (this.#sink.closed) return this.#leave()
    this.#sink.listener = this
    if (!this.#flight.join(this)) this.retry()
  }

  onRun(): void {
    const admission = this.#layers.limiter.admit(this.#x, { body: NOTHING }, 0, true)
    if (admission instanceof Promise) void admission.then(late => this.#admit(late))
    else this.#admit(admission)
  }

  begin(head: AnswerHead): void {
    this.#commit(head)
    this.#sink.begin(head.status, this.#headers(head))
  }

  write(text: string, more: boolean): boolean {
    this.#x.responseBytes += text.length
    return this.#sink.write(text, more)
  }

  end(): void {
    this.#sink.end()
    this.#settle()
  }

  abort(kind: ErrorKind): void {
    this.#x.error = kind
    this.#sink.abort()
    this.#settle()
  }

  respond(head: AnswerHead, body: Buffer | string, kind: ErrorKind | null): void {
    this.#commit(head)
    this.#x.error = kind
    this.#x.responseBytes = body.length
    this.#sink.respond(head.status, this.#headers(head), kind === null ? body : ownError(body, head.requestId, this.#x.requestId))
    this.#settle()
  }

  retry(): void {
    this.#done = true
    this.#sink.listener = null
    if (this.#admission !== null) this.#layers.limiter.withdraw(this.#admission)
    this.#outcome.again()
  }

  /** It has its place in the limits already; tokens and cost are charged as they come. The dead process's attempt was the first. */
  override takeOver(sent: string): boolean {
    const admission = this.#admission
    const rescue = this.#done || admission === null || !this.begun ? null : this.#outcome.rescue(sent)
    if (admission === null || rescue === null) return false
    this.#done = true
    this.#x.attempts = this.#x.attemptsCounted = 1
    this.#flight.replace(this, new LeadReader(this.#sink, this.#flight))
    this.#outcome.goOn(rescue, admission)
    return true
  }

  onDrain(): void {
    this.#flight.drained(this)
  }

  onClose(): void {
    this.#flight.leave(this)
    this.#leave()
  }

  onShutdown(): void {
    const error = gatewayError('shutting-down', 'The gateway is shutting down, and the time that answers get to finish in is over. Send the request again.')
    this.#flight.leave(this)
    this.#x.error = error.kind
    if (this.begun) {
      if (this.#x.stream) this.#sink.write(this.#dialect.encodeStreamError(error, this.#flight.sentTo(this)), true)
      this.#sink.abort()
    } else {
      const told = this.#dialect.encodeError(error, this.#x.requestId)
      this.#x.status = told.status
      this.#sink.respond(told.status, told.headers, told.body)
    }
    this.#settle()
  }

  #admit(admission: Admission | GatewayError): void {
    const { limiter } = this.#layers
    if (this.#done) {
      if (admission instanceof Admission) limiter.settle(admission, this.#x)
      return
    }
    if (admission instanceof Admission) {
      this.#x.admittedAt = performance.now()
      this.#admission = admission
      return this.#flight.release(this)
    }
    this.#done = true
    this.#sink.listener = null
    this.#flight.leave(this)
    this.#x.answerHeaders = limiter.headers(this.#x)
    this.#outcome.refuse(admission)
  }

  #commit({ status, leader }: AnswerHead): void {
    this.#leader = leader
    this.#x.status = status
    this.#x.committedAt = performance.now()
    this.#x.answerHeaders = this.#layers.limiter.headers(this.#x)
  }

  #headers({ headers, leader }: AnswerHead): string {
    return `${headers}${this.#dialect.requestIdHeader}: ${this.#x.requestId}\r\nheadrace-coalesced: ${leader}\r\n${this.#x.answerHeaders}`
  }

  #leave(): void {
    const x = this.#x
    x.error = 'client-closed'
    if (x.status === 0) x.status = ERROR_POLICY['client-closed'].status
    this.#settle()
  }

  #settle(): void {
    const x = this.#x
    if (this.#done) return
    this.#done = true
    this.#sink.listener = null
    x.settledAt = performance.now()
    x.route = `[{"did":"joined","why":"the same request ran already"${this.#leader === '' ? '' : `,"exchange":"${this.#leader}"`}}]`
    if (this.#admission !== null) this.#layers.limiter.settle(this.#admission, x)
    this.#layers.journal.settle(x, 'coalesced', true)
    this.#layers.metrics.observe(x, true)
  }
}

/** Where a dialect repeats the request's id in the body of an error, it is this request's. */
function ownError(body: Buffer | string, theirs: string, own: string): string {
  const text = typeof body === 'string' ? body : body.latin1Slice()
  return text.replace(`"request_id":"${theirs}"`, () => `"request_id":"${own}"`)
}
