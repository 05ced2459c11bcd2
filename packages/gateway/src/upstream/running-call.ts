import type { GatewayError, Origin, UpstreamCall, UpstreamHandler, UpstreamRequest } from '@headrace/contract'
import { CallTimer, type Deadlines, type Timed } from './deadlines.ts'
import { timeoutFault } from './faults.ts'

/** Where a call is: in a queue, or on a connection. */
export interface Carrier {
  /** The call gives up: forget it, and close what served it. */
  drop(call: RunningCall): void
  resume(call: RunningCall): void
}

/** One call from `dispatch` to its end. It outlives its connection, so a late `abort` or `resume` can never touch somebody else's. */
export class RunningCall implements UpstreamCall, Timed {
  slot = -1
  readonly origin: Origin
  readonly handler: UpstreamHandler
  readonly timer: CallTimer
  /** What is to be written; null once it is, so that a long answer does not keep its request's body in memory. */
  request: UpstreamRequest | null
  /** The rendered credential line, or ''. */
  credential: string
  carrier: Carrier | null = null
  /** Set by `resume`, cleared before each `onData`: a resume from within `onData` must outweigh its false. */
  resumed = false
  /** HTTP status of the answer; 0 = no head yet. */
  status = 0
  /** Nothing more will be told. */
  done = false
  readonly #deadlines: Deadlines

  constructor(request: UpstreamRequest, handler: UpstreamHandler, credential: string, deadlines: Deadlines) {
    this.origin = request.origin
    this.handler = handler
    this.timer = new CallTimer(request.timeouts, request.deadline)
    this.request = request
    this.credential = credential
    this.#deadlines = deadlines
    deadlines.add(this)
  }

  resume(): void {
    if (this.done) return
    this.resumed = true
    this.carrier?.resume(this)
  }

  abort(): void {
    if (this.done) return
    const carrier = this.carrier
    this.settle()
    carrier?.drop(this)
  }

  /** Leaves the world of the living: no deadline, no carrier, nothing more to the handler. */
  settle(): void {
    this.done = true
    this.request = null
    this.credential = ''
    this.carrier = null
    this.#deadlines.remove(this)
  }

  fail(error: GatewayError): void {
    if (this.done) return
    this.settle()
    this.handler.onError(error)
  }

  sweep(now: number): void {
    const kind = this.timer.overdue(now)
    if (kind === null) return
    const carrier = this.carrier
    this.settle()
    carrier?.drop(this)
    this.handler.onError(timeoutFault(kind, this.origin, this.status))
  }
}
