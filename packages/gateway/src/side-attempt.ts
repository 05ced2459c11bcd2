import {
  gatewayError,
  type ClientSink, type ErrorKind, type Exchange, type GatewayError, type Outcome, type ResponseHead, type Target, type UpstreamCall, type UpstreamHandler,
} from '@headrace/contract'
import { answerTo, dispatchAttempt, type ClientAnswer } from './dispatch-attempt.ts'
import type { IntentHolder } from './observability/journal.ts'
import type { Turn } from './orchestration/capacity/turn.ts'
import type { Lane } from './orchestration/health/lane.ts'
import type { Admission } from './orchestration/limits/limiter.ts'
import type { AttemptLayers, PreparedCall } from './prepared-call.ts'
import type { Translated } from './translation.ts'

/** Whose attempt it is. */
export interface SideHolder {
  /** It is over, and everybody but the journal has heard. `error` null = its sink has the whole answer. `outcome` null = it never began: there is no row to write. */
  onSideOver(outcome: Outcome | null, error: GatewayError | ErrorKind | null): void
}

/** Who goes on with an attempt that ran beside another one. */
export interface SideHeir extends UpstreamHandler, IntentHolder {
  /** Its whole answer went to the client with the last bytes. */
  onWhole(): void
}

export interface SideParts {
  readonly layers: AttemptLayers
  readonly prepared: PreparedCall
  /** Its own record: `besideRecord`. */
  readonly x: Exchange
  readonly target: Target
  /** Null = the fast lane. */
  readonly translated: Translated | null
  readonly sink: ClientSink
  readonly admission: Admission
  /** Its place at the engine; null = none is needed. */
  readonly turn: Turn | null
}

/**
 * One attempt that runs beside a request's own: with a record, an intent on file and a row of its own, without waiting, retry or fallback.
 *
 *   begin -> intent on file -> dispatch -> head -> answer -> over (holder)
 *                 any phase: cancel -> over, or an heir goes on with it
 */
export class SideAttempt implements UpstreamHandler, IntentHolder {
  readonly parts: SideParts
  readonly lane: Lane
  /** Bytes of the answer at which the limits want to know of it: see `Limiter.beginAttempt`. */
  readonly progressAt: number
  ticket = 0
  answer: ClientAnswer | null = null
  call: UpstreamCall | null = null
  heir: SideHeir | null = null
  readonly #holder: SideHolder
  #over = false

  constructor(parts: SideParts, holder: SideHolder) {
    const { layers, x, target, translated, admission } = parts
    this.parts = parts
    this.#holder = holder
    this.lane = layers.targetBoard.lane(target)
    x.target = target
    x.dropped = translated?.dropped ?? ''
    x.approximated = translated?.approximated ?? ''
    this.progressAt = layers.limiter.beginAttempt(x, admission)
  }

  begin(): void {
    const { layers, x } = this.parts
    this.ticket = layers.targetBoard.begin(this.lane, x.attemptAt)
    layers.journal.intent(x, this)
  }

  proceed(): void {
    if (this.heir !== null) return this.heir.proceed()
    if (this.#over) return
    const { layers, prepared, x, target, translated } = this.parts
    const call = dispatchAttempt(layers, prepared, x, target, translated === null ? null : translated.request, this)
    if (!this.#over) this.call = call
  }

  refuse(error: GatewayError): void {
    if (this.heir !== null) return this.heir.refuse(error)
    this.#end(null, error.kind, error)
  }

  onSent(): void {
    if (this.heir === null) this.parts.x.sentAt = performance.now()
    else this.heir.onSent()
  }

  onHead(status: number, head: ResponseHead): void {
    if (this.heir !== null) return this.heir.onHead(status, head)
    const { layers, prepared, x, target, translated, sink } = this.parts
    x.headAt = performance.now()
    x.upstreamStatus = status
    layers.pacing.hear(x, target, head, null)
    this.answer = answerTo(prepared, x, translated, sink, status, head)
  }

  onData(chunk: Buffer, last: boolean): boolean {
    if (this.heir !== null) return this.heir.onData(chunk, last)
    const { answer } = this
    if (answer === null) return true
    const { layers, x } = this.parts
    if (x.firstByteAt === 0) {
      const now = x.firstByteAt = performance.now()
      layers.targetBoard.firstByte(this.lane, this.ticket, x.stream, now - x.attemptAt, now)
    }
    const more = answer.take(chunk, last)
    const error = answer.streamError
    if (error === null) return more
    this.call?.abort()
    this.onError(error)
    return true
  }

  onEnd(): void {
    if (this.heir !== null) return this.heir.onEnd()
    const error = this.answer === null ? gatewayError('upstream-protocol', 'The provider ended before it answered.') : this.answer.end()
    // It may just have become the client's answer.
    const heir = this.#heirNow()
    if (heir === null) this.#end('settled', error?.kind ?? null, error)
    else if (error === null) heir.onWhole()
    else heir.onError(error)
  }

  onError(error: GatewayError): void {
    if (this.heir !== null) return this.heir.onError(error)
    this.#end('settled', error.kind, error)
  }

  /** Gives it up: the provider is told at once. Idempotent. */
  cancel(why: ErrorKind): void {
    if (this.#over || this.heir !== null) return
    this.call?.abort()
    this.answer?.keepUsage()
    this.#end('partial', why, why)
  }

  #heirNow(): SideHeir | null {
    return this.heir
  }

  #end(outcome: Outcome | null, kind: ErrorKind | null, error: GatewayError | ErrorKind | null): void {
    if (this.#over) return
    this.#over = true
    this.call = null
    const { layers, x, target, turn, admission } = this.parts
    const retryAfterMs = typeof error === 'object' && error !== null ? error.retryAfterMs : 0
    x.error = kind
    if (kind === 'upstream-rate-limited') layers.pacing.hearRefusal(target, retryAfterMs)
    layers.targetBoard.end(this.lane, this.ticket, x, retryAfterMs)
    turn?.end()
    layers.limiter.endAttempt(x, admission)
    x.settledAt = performance.now()
    this.#holder.onSideOver(outcome, error)
  }
}
