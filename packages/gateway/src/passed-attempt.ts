import {
  ERROR_POLICY, gatewayError,
  type BodyHolder, type ClientListener, type ClientSink, type ErrorKind, type Exchange, type GatewayError, type Outcome, type PassedBody, type Plan, type RelayDialect, type ResponseHead, type Target, type UpstreamCall, type UpstreamHandler,
} from '@headrace/contract'
import { REFUSAL_LIMIT } from './answer.ts'
import { AttemptPlace, type PlaceSeeker } from './attempt-place.ts'
import { beginRecord } from './attempt-record.ts'
import { passedHeaders } from './edge/control-relay.ts'
import type { IntentHolder } from './observability/journal.ts'
import type { Lane } from './orchestration/health/lane.ts'
import type { Admission } from './orchestration/limits/limiter.ts'
import { timeoutsFor } from './orchestration/timeouts.ts'
import type { PassageLayers } from './passage.ts'
import type { OnUnfit } from './passing/pass-body.ts'
import { answerLines } from './passing/pass-headers.ts'
import { UsageWatch } from './passing/usage-watch.ts'
import { PlanWalk } from './plan-walk.ts'
import { isCoding } from './upstream/head-reader.ts'

/** A request that is ready to be sent as it is. */
export interface PassedCall {
  readonly exchange: Exchange
  readonly plan: Plan
  readonly admission: Admission
  readonly dialect: RelayDialect
  readonly sink: ClientSink
  /** As much of the body as was read. */
  readonly request: BodyHolder
  /** What its answer tells of usage is this request's: it does not only ask for what was done before. */
  readonly counts: boolean
  readonly method: string
  /** Path with query, and header lines, at a target. */
  readonly path: (target: Target) => string
  readonly headers: (target: Target) => string
  /** Called for each attempt, when it is to be sent. Null = there is none. */
  readonly body: (target: Target, onUnfit: OnUnfit) => PassedBody | null
  /** Whether it can still be sent again, whole; null = never, because nobody knows what it does. */
  readonly again: (() => boolean) | null
  /** Called once, at its end; null = nobody has to know. */
  readonly onSettled: (() => void) | null
}

/** Answers that are announced as no longer than this are given to the client in one piece. */
const WHOLE_BYTES = 65_536
/** Nobody asked for a compressed body, and nobody unpacks it: what it tells is not known. */
const isUnread = (head: ResponseHead, body: Buffer): boolean => body.length > 0 && isCoding(head.header('content-encoding') ?? '')
/** The provider's answer to what the client sent: its own words are the client's to read. */
const REFUSALS: ReadonlySet<ErrorKind> = new Set(['upstream-invalid-request', 'upstream-context-length'])

/**
 * The attempts of a request whose bytes go by uninterpreted: the intent of each on file, its bytes both ways, each side as fast as the slower one, and its record.
 * What is passed through has one; a model call as many as its plan and what is held of its body allow, until the first byte to the client.
 */
export class PassedAttempt implements UpstreamHandler, ClientListener, IntentHolder, PlaceSeeker {
  readonly #layers: PassageLayers
  readonly #passed: PassedCall
  readonly #x: Exchange
  #walk: PlanWalk | null = null
  #place: AttemptPlace | null = null
  #lane: Lane | null = null
  #ticket = 0
  #timer: NodeJS.Timeout | null = null
  #call: UpstreamCall | null = null
  #body: PassedBody | null = null
  #onFile = false
  #head: ResponseHead | null = null
  #watch: UsageWatch | null = null
  /** What is held of the answer: a refusal, or an answer that is short; null = it goes on as it comes. */
  #held: Buffer[] | null = null
  #heldBytes = 0
  #retryAfterMs = 0
  /** Bytes of the answer at which the limits want to know of it. */
  #progressAt = Infinity

  constructor(layers: PassageLayers, passed: PassedCall) {
    this.#layers = layers
    this.#passed = passed
    this.#x = passed.exchange
  }

  start(): void {
    if (this.#passed.again !== null) this.#layers.retryBudget.earn()
    this.#passed.sink.listener = this
    if (this.#passed.sink.closed) return this.onClose()
    if (this.#x.explain || !this.#layers.targetBoard.calm) this.#walk = new PlanWalk(this.#layers, this.#x, this.#passed.plan)
    this.#advance()
  }

  #advance(): void {
    const target = this.#walk === null ? this.#passed.plan.targets[0] : this.#walk.next()
    if (target !== undefined) return this.#enter(target)
    const hold = this.#walk === null ? gatewayError('internal', 'The provider has no target.') : this.#walk.hold()
    if (typeof hold === 'number') this.#timer = setTimeout(() => this.#advance(), hold)
    else this.#refuse(hold)
  }

  #enter(target: Target): void {
    const { pacing } = this.#layers
    const paced = !pacing.calm && pacing.isPaced(target)
    if (!paced && target.capacity == null) return this.onPlace(target)
    this.#place = new AttemptPlace(this.#layers, this.#passed, target, this)
    this.#place.enter(paced)
  }

  onNoPlace(error: GatewayError): void {
    this.#place = null
    if (this.#passed.again === null) return this.#refuse(error)
    this.#startedWalk().shed(error)
    this.#advance()
  }

  #startedWalk(): PlanWalk {
    return this.#walk ??= PlanWalk.begun(this.#layers, this.#x, this.#passed.plan)
  }

  /** The attempt's intent goes on file before its first byte goes out (invariant 7). */
  onPlace(target: Target): void {
    const x = this.#x
    x.target = target
    this.#walk?.attempted()
    this.#onFile = true
    beginRecord(x, this.#walk === null ? x.attempts + 1 : this.#walk.nextNumber, performance.now())
    this.#head = this.#watch = this.#held = null
    this.#heldBytes = this.#retryAfterMs = 0
    this.#lane = this.#layers.targetBoard.lane(target)
    this.#ticket = this.#layers.targetBoard.begin(this.#lane, x.attemptAt)
    if (this.#walk !== null && x.explain) x.explanation = `headrace-explain: ${this.#walk.text()}\r\n`
    this.#progressAt = this.#layers.limiter.beginAttempt(x, this.#passed.admission)
    this.#layers.journal.intent(x, this)
  }

  proceed(): void {
    const x = this.#x
    const { target } = x
    if (target === null || x.settledAt !== 0) return
    const { method, path, headers, body } = this.#passed
    const timeouts = timeoutsFor(x, target)
    this.#body = body(target, this.#onUnfit)
    this.#call = this.#layers.pass({ origin: target.origin, method, path: path(target), headers: headers(target), credentialId: target.credentialId, body: this.#body, timeouts, deadline: x.startedAt + timeouts.total }, this)
  }

  refuse(error: GatewayError): void {
    if (this.#x.settledAt === 0) this.#fail(error)
  }

  readonly #onUnfit: OnUnfit = error => {
    this.#call?.abort()
    this.#fail(error)
  }

  onSent(): void {
    this.#x.sentAt = performance.now()
  }

  onHead(status: number, head: ResponseHead): void {
    const x = this.#x
    x.headAt = performance.now()
    x.upstreamStatus = status
    this.#head = head
    if (x.target !== null) this.#layers.pacing.hear(x, x.target, head, this.#place === null ? null : this.#place.mark)
    const length = Number(head.header('content-length') ?? NaN)
    if (status >= 300 || length <= WHOLE_BYTES) this.#held = []
    const type = head.header('content-type')?.toLowerCase() ?? ''
    const events = type.startsWith('text/event-stream')
    x.opaque = !this.#passed.counts || head.header('content-encoding') !== undefined || !(events || type.includes('json'))
    if (status > 299 || x.opaque) return
    const { relay } = this.#layers.dialects
    this.#watch = new UsageWatch([relay[x.dialect], relay['openai-chat'], relay['openai-responses'], relay['google-gemini']].map(dialect => dialect.readJsonUsage), events)
  }

  onData(chunk: Buffer): boolean {
    const x = this.#x
    if (x.firstByteAt === 0) this.#hearFirstByte()
    this.#watch?.push(chunk)
    if (this.#held === null) return this.#forward(chunk)
    this.#heldBytes += chunk.length
    this.#held.push(Buffer.from(chunk))
    if (this.#heldBytes <= REFUSAL_LIMIT) return true
    this.#call?.abort()
    this.#fail(gatewayError('upstream-protocol', 'The provider refused the request at greater length than is read.', { upstreamStatus: x.upstreamStatus }))
    return true
  }

  onEnd(): void {
    const x = this.#x
    this.#call = null
    if (x.firstByteAt === 0) this.#hearFirstByte()
    this.#keepUsage()
    if (x.upstreamStatus > 299 && x.upstreamStatus !== 304) return this.#endRefused(Buffer.concat(this.#held ?? []))
    if (this.#held !== null && this.#passed.method !== 'HEAD') this.#respond(x.upstreamStatus, Buffer.concat(this.#held))
    else {
      if (x.committedAt === 0) this.#begin(x.upstreamStatus)
      this.#passed.sink.end()
    }
    this.#settle('settled')
  }

  onError(error: GatewayError): void {
    this.#call = null
    this.#fail(error)
  }

  onDrain(): void {
    this.#call?.resume()
  }

  onClose(): void {
    const x = this.#x
    if (x.settledAt !== 0) return
    this.#stop()
    this.#keepUsage()
    this.#beginAnew()
    x.error = 'client-closed'
    if (x.status === 0) x.status = ERROR_POLICY['client-closed'].status
    this.#settle(this.#onFile ? 'partial' : 'refused')
  }

  onShutdown(): void {
    if (this.#x.settledAt !== 0) return
    this.#stop()
    this.#fail(gatewayError('shutting-down', 'The gateway is shutting down, and the time that answers get to finish in is over. Send the request again.'))
  }

  #stop(): void {
    this.#call?.abort()
    this.#call = null
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #hearFirstByte(): void {
    const x = this.#x
    const now = x.firstByteAt = performance.now()
    if (this.#lane !== null) this.#layers.targetBoard.firstByte(this.#lane, this.#ticket, x.stream, now - x.attemptAt, now)
  }

  #fail(error: GatewayError): void {
    const x = this.#x
    x.error = error.kind
    this.#retryAfterMs = error.retryAfterMs
    if (error.kind === 'upstream-rate-limited' && x.target !== null) this.#layers.pacing.hearRefusal(x.target, error.retryAfterMs)
    this.#keepUsage()
    if (x.committedAt !== 0) {
      // No end that anybody could take for a good one (invariant 3).
      this.#passed.sink.abort()
      return this.#settle('partial')
    }
    if (this.#goesOn(error)) return
    this.#beginAnew()
    this.#tell(error)
    this.#settle(this.#onFile ? 'settled' : 'refused')
  }

  /** What its plan has after a failed attempt is begun, if the request can be sent again. What is passed through never is: whatever it was to do may have been done. */
  #goesOn(error: GatewayError): boolean {
    const { again } = this.#passed
    const { target } = this.#x
    if (again === null || target === null || !this.#onFile) return false
    this.#leave()
    const step = this.#startedWalk().failed(error, null)
    if (step.action === 'give-up' || !again()) return false
    this.#call = null
    this.#endAttempt()
    this.#layers.journal.settle(this.#x, 'settled', false)
    this.#layers.metrics.observe(this.#x, false)
    this.#onFile = false
    if (step.action === 'fallback') this.#advance()
    else this.#timer = setTimeout(() => { if (this.#startedWalk().isRetryWise) this.#enter(target); else this.#advance() }, step.delayMs)
    return true
  }

  /** What follows is not the last attempt's: its row is written. */
  #beginAnew(): void {
    const x = this.#x
    if (this.#onFile || x.attempts === 0) return
    const { error } = x
    beginRecord(x, this.#startedWalk().nextNumber, performance.now())
    x.error = error
    x.target = null
  }

  #refuse(error: GatewayError): void {
    this.#beginAnew()
    this.#x.error = error.kind
    this.#tell(error)
    this.#settle('refused')
  }

  #tell(error: GatewayError): void {
    const x = this.#x
    const told = this.#passed.dialect.encodeError(error, x.requestId)
    x.status = told.status
    x.committedAt = performance.now()
    this.#passed.sink.respond(told.status, told.headers + x.answerHeaders + x.explanation + (x.target?.answerHeaders ?? ''), told.body)
  }

  /** A refusal is the client's to read, in the provider's words, unless it is about the gateway's own key, or leads elsewhere. */
  #endRefused(body: Buffer): void {
    const x = this.#x
    const { dialect } = this.#passed
    const status = x.upstreamStatus
    const head = this.#head ?? { header: () => undefined }
    const error = status < 400 ? gatewayError('upstream-protocol', 'The provider answered with a redirect, which is not followed.', { upstreamStatus: status }) : dialect.classifyResponse(status, head, body)
    const ours = this.#passed.again !== null && error !== null && !REFUSALS.has(error.kind)
    if (ours || status < 400 || status === 401 || isUnread(head, body) || this.#reveals(body.latin1Slice())) return this.#fail(error ?? gatewayError('upstream-protocol', 'The provider\'s answer is not fit to be handed on.', { upstreamStatus: status }))
    x.error = error?.kind ?? null
    this.#retryAfterMs = error?.retryAfterMs ?? 0
    if (error !== null && this.#goesOn(error)) return
    if (error?.kind === 'upstream-rate-limited' && x.target !== null) this.#layers.pacing.hearRefusal(x.target, error.retryAfterMs)
    if (this.#passed.method === 'HEAD') {
      this.#begin(status)
      this.#passed.sink.end()
    } else this.#respond(status, body)
    this.#settle('settled')
  }

  #reveals(text: string): boolean {
    return this.#layers.reveals(this.#x.target?.credentialId ?? null, text)
  }

  #headers(): string {
    const x = this.#x
    const head = this.#head
    const passed = head?.lines === undefined ? '' : answerLines(passedHeaders(head.lines, head.header('connection'), false), x.answerHeaders !== '', text => this.#reveals(text))
    return `${passed}${this.#passed.dialect.requestIdHeader}: ${x.requestId}\r\n${x.answerHeaders}${x.explanation}${x.target?.answerHeaders ?? ''}`
  }

  #begin(status: number): void {
    const x = this.#x
    x.committedAt = performance.now()
    x.status = status
    this.#passed.sink.begin(status, this.#headers())
  }

  #respond(status: number, body: Buffer): void {
    const x = this.#x
    const { onEvent } = x.snapshot.hooks
    const bytes = onEvent === null ? body : onEvent(x, body)
    x.committedAt = performance.now()
    x.status = status
    x.responseBytes = bytes.length
    this.#keepBody(bytes)
    this.#passed.sink.respond(status, this.#headers(), bytes)
  }

  #forward(chunk: Buffer): boolean {
    const x = this.#x
    if (x.committedAt === 0) this.#begin(x.upstreamStatus)
    const { onEvent } = x.snapshot.hooks
    const bytes = onEvent === null ? chunk : onEvent(x, chunk)
    x.responseBytes += bytes.length
    this.#keepBody(bytes)
    if (x.responseBytes >= this.#progressAt && !x.opaque) this.#progressAt = this.#layers.limiter.progress(this.#passed.admission, x)
    return this.#passed.sink.write(bytes)
  }

  #keepBody(bytes: Buffer | string): void {
    const { logBodies, logBodyLimit } = this.#x.snapshot.policy
    if (logBodies === 'none' || this.#x.responseBody.length >= logBodyLimit) return
    this.#x.responseBody = (this.#x.responseBody + (typeof bytes === 'string' ? bytes : bytes.latin1Slice())).slice(0, logBodyLimit)
  }

  #keepUsage(): void {
    const watch = this.#watch
    if (watch === null) return
    this.#watch = null
    watch.end()
    this.#x.usage = watch.usage
    this.#x.finishReason = watch.finishReason
  }

  /**
   * What the provider says of the gateway's key at one path that a client chose says nothing of it at others: a client must not be able to take a credential out of service by asking for
   * what it is not meant for. What says that the provider does not answer counts as ever.
   */
  #leave(): void {
    const x = this.#x
    const lane = this.#lane
    if (lane === null) return
    this.#lane = null
    const { error } = x
    if (this.#passed.again === null && (error === 'upstream-auth' || error === 'upstream-quota')) x.error = 'upstream-invalid-request'
    this.#layers.targetBoard.end(lane, this.#ticket, x, this.#retryAfterMs)
    x.error = error
  }

  #endAttempt(): void {
    this.#leave()
    this.#body?.destroy()
    this.#body = null
    if (this.#walk !== null) this.#x.route = this.#walk.text()
    this.#place?.end()
    this.#place = null
    if (this.#onFile) this.#layers.limiter.endAttempt(this.#x, this.#passed.admission)
  }

  #settle(outcome: Outcome): void {
    const x = this.#x
    const { admission, sink, onSettled } = this.#passed
    this.#endAttempt()
    if (this.#timer !== null) clearTimeout(this.#timer)
    x.settledAt = performance.now()
    sink.listener = null
    onSettled?.()
    this.#layers.limiter.settle(admission, x)
    this.#layers.journal.settle(x, outcome, true)
    this.#layers.metrics.observe(x, true)
    if (x.snapshot.hooks.onSettle !== null) x.snapshot.hooks.onSettle(x)
  }
}
