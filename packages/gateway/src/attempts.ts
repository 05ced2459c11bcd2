import {
  ERROR_POLICY, gatewayError,
  type ClientListener, type EncodedRequest, type ErrorKind, type Exchange, type GatewayError, type Outcome, type ResponseHead, type Target, type UpstreamCall, type UpstreamHandler,
} from '@headrace/contract'
import type { AttemptAnswer } from './answer.ts'
import { AttemptPlace, type PlaceSeeker } from './attempt-place.ts'
import { beginRecord, takeOver } from './attempt-record.ts'
import { answerTo, dispatchAttempt, objectionOf } from './dispatch-attempt.ts'
import { Hedge, type Hedged } from './hedge.ts'
import type { IntentHolder } from './observability/journal.ts'
import type { Lane } from './orchestration/health/lane.ts'
import { GIVE_UP, type NextStep } from './orchestration/retry-policy.ts'
import { PlanWalk } from './plan-walk.ts'
import type { AttemptLayers, PreparedCall } from './prepared-call.ts'
import { Rescue, rescueWay, restartEvent } from './rescue.ts'
import type { SideAttempt, SideHeir } from './side-attempt.ts'
import { tellCount, tellError } from './tell-client.ts'
import { TranslatedAnswer } from './translated-answer.ts'
import { requestAtOnce, speaksAlike, Translator, type Translated, type UnfitAnswer } from './translation.ts'

/** The provider's answer to what the client sent: its own words are the client's to read. */
const REFUSALS: ReadonlySet<ErrorKind> = new Set(['upstream-invalid-request', 'upstream-context-length'])

/**
 * The loop over targets: retry and fallback before commitment, relay to the client, and the one place where an exchange settles.
 * One instance per request; it is itself the upstream's handler and the client's listener, so that no closure is made per chunk.
 *
 *   (place at the engine ->) intent on file -> dispatch -> head -> answer -> settled
 *         ^-- retry, fallback <-- failed before the first byte to the client
 */
export class Attempts implements UpstreamHandler, ClientListener, IntentHolder, PlaceSeeker, Hedged, SideHeir {
  readonly #layers: AttemptLayers
  readonly #prepared: PreparedCall
  readonly #x: Exchange
  /** Null = all is well so far, and the request is at the first target. */
  #walk: PlanWalk | null = null
  /** The running attempt's target and credential, as the board counts it; null = none runs. */
  #lane: Lane | null = null
  #ticket = 0
  #retryAfterMs = 0
  #answer: AttemptAnswer | null = null
  #translator: Translator | null = null
  /** The current attempt's request in another dialect than the client's; null = the fast lane. */
  #translated: Translated | null = null
  /** Set once a stream broke off that another target goes on with, and what the current target is asked for that. */
  #rescue: Rescue | null = null
  #continuation: EncodedRequest | null = null
  #call: UpstreamCall | null = null
  /** An answer was asked to be mended already. */
  #mended = false
  /** An intent was written: from then on a row is a call's. */
  #onFile = false
  #timer: NodeJS.Timeout | null = null
  /** Bytes of the answer at which the limits want to know of it; Infinity where no limit counts its tokens. */
  #progressAt = Infinity
  /** Where the current attempt waits, or its place; null = its target takes whatever comes. */
  #place: AttemptPlace | null = null
  /** Watches the running attempt for a slow first byte, or runs a second one beside it; null = the model does not hedge and it is no probe, or that is over. */
  #hedge: Hedge | null = null

  constructor(layers: AttemptLayers, prepared: PreparedCall) {
    this.#layers = layers
    this.#prepared = prepared
    this.#x = prepared.exchange
    this.#rescue = prepared.resumes
  }

  start(): void {
    this.#layers.retryBudget.earn()
    this.#prepared.sink.listener = this
    if (this.#prepared.sink.closed) return this.onClose()
    if (this.#x.explain || this.#x.timeouts !== null || this.#rescue !== null || !this.#layers.targetBoard.calm) this.#walk = new PlanWalk(this.#layers, this.#x, this.#prepared.plan)
    this.#advance()
  }

  /** Goes to the best target that is left, waits for one, or says why there is none. */
  #advance(): void {
    const target = this.#walk === null ? this.#prepared.plan.targets[0] : this.#walk.next()
    if (target !== undefined) return this.#enter(target)
    const hold = this.startedWalk().hold()
    if (typeof hold === 'number') this.#timer = setTimeout(() => this.#advance(), hold)
    else this.#refuse(hold)
  }

  startedWalk(): PlanWalk {
    return this.#walk ??= PlanWalk.begun(this.#layers, this.#x, this.#prepared.plan)
  }

  /** Goes to a target that can take the request. One that cannot sees nothing, and so has no row (invariant 7). */
  #enter(target: Target): void {
    if (this.#rescue !== null) return this.#continue(target, this.#rescue)
    if (speaksAlike(this.#x, target) && !this.#needsShape(target)) {
      const objection = objectionOf(this.#prepared, this.#x, target)
      return objection === null ? this.#begin(target, null) : this.#cannotTake(objection)
    }
    const translator = this.#translatorOf()
    if (this.#x.operation === 'count-tokens') return this.#count(translator)
    const fetching = translator.prepare(target)
    if (fetching === null) return this.#translate(target, translator)
    void fetching.then(error => this.#fetched(target, error))
  }

  /** A target of the client's own dialect that has no structured output, and a request that asks for it. */
  #needsShape({ structuredOutput = 'native' }: Target): boolean {
    return structuredOutput !== 'native' && this.#x.operation === 'chat' && this.#translatorOf().wantsStructure()
  }

  #translatorOf(): Translator {
    return this.#translator ??= new Translator(this.#layers.dialects, this.#x, this.#prepared.request.body, this.#prepared.path, this.#layers.fetchPart)
  }

  #fetched(target: Target, error: GatewayError | null): void {
    if (this.#x.settledAt !== 0 || this.#translator === null) return
    if (error === null) this.#translate(target, this.#translator)
    else this.#cannotTake(error)
  }

  #translate(target: Target, translator: Translator): void {
    const translated = translator.translate(target)
    if (translated.ok) this.#begin(target, translated.value)
    else this.#cannotTake(translated.error)
  }

  #continue(target: Target, rescue: Rescue): void {
    const request = rescue.request(target)
    if (!request.ok) return this.#cannotTake(request.error)
    this.#continuation = request.value
    this.#begin(target, null)
  }

  #cannotTake(refusal: GatewayError): void {
    this.startedWalk().refused(refusal)
    this.#advance()
  }

  /** Begins an attempt at the current target, if need be after a wait for its turn and a place at its engine. */
  #begin(target: Target, translated: Translated | null): void {
    this.#translated = translated
    this.#place = null
    const { pacing } = this.#layers
    const paced = !pacing.calm && pacing.isPaced(target)
    if (!paced && target.capacity == null) return this.onPlace(target)
    this.#place = new AttemptPlace(this.#layers, this.#prepared, target, this)
    this.#place.enter(paced)
  }

  onNoPlace(error: GatewayError): void {
    this.#place = null
    this.startedWalk().shed(error)
    this.#advance()
  }

  /** The attempt's intent goes on file before its first byte goes out (invariant 7). */
  onPlace(target: Target): void {
    const x = this.#x
    x.target = target
    const translated = this.#translated
    this.#walk?.attempted()
    this.#onFile = true
    this.#reset()
    if (translated !== null) ({ dropped: x.dropped, approximated: x.approximated } = translated)
    this.#lane = this.#layers.targetBoard.lane(target)
    this.#ticket = this.#layers.targetBoard.begin(this.#lane, x.attemptAt)
    if (x.explain) this.#explain()
    this.#progressAt = this.#layers.limiter.beginAttempt(x, this.#prepared.admission)
    this.#layers.journal.intent(x, this)
  }

  /** The record of another attempt begins empty. */
  #reset(): void {
    const x = this.#x
    const number = this.#walk === null ? x.attempts + 1 : this.#walk.nextNumber
    // The first attempt begins with the admission: reading the clock costs more than the difference.
    beginRecord(x, number, number === 1 && x.queuedMs === 0 ? x.admittedAt : performance.now())
    this.#answer = null
    this.#retryAfterMs = 0
  }

  proceed(): void {
    const x = this.#x
    const target = x.target
    if (target === null || x.settledAt !== 0) return
    const attempt = x.attempts
    const encoded = this.#continuation ?? (this.#translated === null ? null : this.#translated.request)
    const call = dispatchAttempt(this.#layers, this.#prepared, x, target, encoded, this)
    // A dispatch that failed at once has already moved on to the next attempt, or settled.
    if (x.attempts !== attempt || x.settledAt !== 0) return
    this.#call = call
    const { hedge } = this.#prepared.plan
    if ((hedge != null || this.#ticket < 0) && this.#lane !== null && this.#walk?.hedged !== true) this.#hedge = Hedge.watch(this.#layers, this.#prepared, hedge ?? null, this, this.#lane, this.#ticket)
  }

  requestFor(target: Target): Translated | null | undefined {
    return speaksAlike(this.#x, target) && objectionOf(this.#prepared, this.#x, target) !== null ? undefined : requestAtOnce(this.#x, target, () => this.#translatorOf())
  }

  /** The first byte to the client decides: see `#progress`. */
  onHedge(): void {
    this.#progressAt = 0
  }

  onHedgeFailed(): void {
    this.#hedge = null
  }

  onHedgeWon(side: SideAttempt): void {
    const x = this.#x
    this.#call?.abort()
    this.#answer?.keepUsage()
    x.error = 'superseded'
    if (this.#lane !== null && x.firstByteAt === 0) this.#layers.targetBoard.outrun(this.#lane, this.#ticket, x.stream, performance.now() - x.attemptAt)
    this.#giveWay('partial', null, side)
  }

  onWhole(): void {
    this.#call = null
    this.#settle('settled', true)
  }

  /** The running attempt is over, and the one beside it is the request's now. */
  #giveWay(outcome: Outcome, error: GatewayError | null, side: SideAttempt): void {
    this.#hedge = null
    this.startedWalk().goesOnBeside(error)
    this.#settle(outcome, false)
    const { x, target, translated, turn } = side.parts
    takeOver(this.#x, x)
    side.answer?.follow(this.#x)
    side.heir = this
    this.#lane = side.lane
    this.#ticket = side.ticket
    this.#answer = side.answer
    this.#call = side.call
    this.#place = turn === null ? null : new AttemptPlace(this.#layers, this.#prepared, target, this, turn)
    this.#translated = translated
    this.#continuation = null
    this.#retryAfterMs = 0
    this.#progressAt = side.progressAt
  }

  refuse(error: GatewayError): void {
    if (this.#x.settledAt === 0) this.#giveUp(error)
  }

  onSent(): void {
    this.#x.sentAt = performance.now()
  }

  onHead(status: number, head: ResponseHead): void {
    const x = this.#x
    x.headAt = performance.now()
    x.upstreamStatus = status
    if (x.target !== null) this.#layers.pacing.hear(x, x.target, head, this.#place === null ? null : this.#place.mark)
    this.#answer = this.#rescue !== null && x.target !== null ? this.#rescue.answer(x.target, this.#prepared.sink, status, head)
      : answerTo(this.#prepared, x, this.#translated, this.#prepared.sink, status, head)
  }

  onData(chunk: Buffer, last: boolean): boolean {
    const answer = this.#answer
    if (answer === null) return true
    if (this.#x.firstByteAt === 0) this.#hearFirstByte()
    const more = answer.take(chunk, last)
    if (this.#x.responseBytes >= this.#progressAt) this.#progress()
    if (answer.streamError === null) return more
    this.#call?.abort()
    this.#fail(answer.streamError)
    return true
  }

  /** The answer has come to where the limits want to know of it, or another attempt runs beside this one. */
  #progress(): void {
    if (this.#x.committedAt === 0) return
    this.#hedge?.end('superseded')
    this.#hedge = null
    this.#progressAt = this.#layers.limiter.progress(this.#prepared.admission, this.#x)
  }

  #hearFirstByte(): void {
    const x = this.#x
    const now = x.firstByteAt = performance.now()
    if (this.#lane !== null) this.#layers.targetBoard.firstByte(this.#lane, this.#ticket, x.stream, now - x.attemptAt, now)
  }

  onEnd(): void {
    this.#call = null
    const error = this.#answer === null ? gatewayError('upstream-protocol', 'The provider ended before it answered.') : this.#answer.end()
    const unfit = this.#answer instanceof TranslatedAnswer ? this.#answer.unfit : null
    if (error === null) this.#settle('settled', true)
    else if (unfit === null) this.#fail(error)
    else this.#mend(unfit, error)
  }

  onError(error: GatewayError): void {
    this.#call = null
    this.#fail(error)
  }

  onDrain(): void {
    this.#call?.resume()
  }

  /** The client left: the upstream is told at once, in whichever phase it is (invariant 5). */
  onClose(): void {
    if (this.#x.settledAt !== 0) return
    this.#stop()
    this.#answer?.keepUsage()
    if (this.#waits) this.#leaveFile()
    this.#x.error = 'client-closed'
    if (this.#x.status === 0) this.#x.status = ERROR_POLICY['client-closed'].status
    this.#settle('partial', true)
  }

  /** An answer that has begun ends with the dialect's error event; another request is told to come again. */
  onShutdown(): void {
    if (this.#x.settledAt !== 0) return
    this.#stop()
    this.#hedge?.end('shutting-down')
    const error = gatewayError('shutting-down', 'The gateway is shutting down, and the time that answers get to finish in is over. Send the request again.')
    if (this.#waits) this.#refuse(error)
    else this.#fail(error)
  }

  #stop(): void {
    this.#call?.abort()
    this.#translator?.stop()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** An attempt failed: the plan goes on, if it can. */
  #fail(error: GatewayError): void {
    const x = this.#x
    this.#call = null
    x.error = error.kind
    if (x.committedAt !== 0) return this.#goOn(error)
    const side = this.#hedge === null ? null : this.#hedge.release()
    if (side !== null) {
      this.#noteFailure(error)
      return this.#giveWay('settled', error, side)
    }
    const step = this.#stepAfter(error)
    if (step.action === 'give-up') return this.#giveUp(error)
    this.#settle('settled', false)
    this.#take(step)
  }

  /** The client has a part of the answer: by the model's policy it is gone on with, or broken off so that nobody takes it for a whole one (invariant 3). */
  #goOn(error: GatewayError): void {
    const way = this.#wayOn()
    if (way === 'close' && this.#rescue !== null) return this.#close(this.#rescue)
    const step = way === 'lost' ? GIVE_UP : this.#stepAfter(error)
    if (step.action === 'give-up') return this.#breakOff(error)
    if (way === 'restart') this.#prepared.sink.write(restartEvent(error), true)
    this.#answer?.keepUsage()
    this.#settle('partial', false)
    this.#take(step)
  }

  #wayOn(): 'continue' | 'close' | 'restart' | 'lost' {
    const way = rescueWay(this.#prepared)
    if (way !== 'continue') return way
    this.#rescue ??= new Rescue(this.#layers.dialects, this.#x, this.#prepared.request.body, this.#layers.noPrefill)
    return this.#rescue.take(this.#answer === null ? '' : this.#answer.sent)
  }

  /** The client has the whole answer but for its end. */
  #close(rescue: Rescue): void {
    this.#answer?.keepUsage()
    this.#prepared.sink.write(rescue.closing(), true)
    this.#prepared.sink.end()
    this.#settle('partial', true)
  }

  #breakOff(error: GatewayError): void {
    const { sink, dialect } = this.#prepared
    if (this.#answer === null) {
      sink.write(dialect.encodeStreamError(error, this.#rescue?.sent ?? ''), true)
      sink.abort()
    } else this.#answer.breakOff(error)
    this.#settle('partial', true)
  }

  #noteFailure(error: GatewayError): void {
    this.#retryAfterMs = error.retryAfterMs
    if (error.kind === 'upstream-rate-limited' && this.#x.target !== null) this.#layers.pacing.hearRefusal(this.#x.target, error.retryAfterMs)
    this.#leave()
  }

  #stepAfter(error: GatewayError): NextStep {
    this.#noteFailure(error)
    return this.startedWalk().failed(error, this.#rescue)
  }

  #take(step: Exclude<NextStep, { readonly action: 'give-up' }>): void {
    const { target } = this.#x
    if (step.action === 'retry' && target !== null) this.#timer = setTimeout(() => this.#retry(target), step.delayMs)
    else this.#advance()
  }

  #retry(target: Target): void {
    if (this.#walk !== null && !this.#walk.isRetryWise) this.#advance()
    else if (this.#rescue === null) this.#begin(target, this.#translated)
    else this.#enter(target)
  }

  /** Tells the client, in a header, of the way so far. */
  #explain(): void {
    if (this.#walk !== null) this.#x.explanation = `headrace-explain: ${this.#walk.text()}\r\n`
  }

  /** The answer is not what its schema demands: once for a request it is asked to be mended, in an attempt of its own. After that the next target may do better. */
  #mend(unfit: UnfitAnswer, error: GatewayError): void {
    const x = this.#x
    const target = x.target
    // The target is well: it is the model that does not do as it is told.
    this.#leave()
    x.error = error.kind
    const side = this.#hedge === null ? null : this.#hedge.release()
    if (side !== null) return this.#giveWay('settled', error, side)
    const walk = this.startedWalk()
    const again = this.#mended || target === null || !walk.mayTryAgain ? null : this.#translatorOf().translate(target, unfit)
    if (again?.ok === true && target !== null) {
      walk.mends(error)
      this.#settle('settled', false)
      this.#mended = true
      return this.#begin(target, again.value)
    }
    const step = walk.unfit(error)
    if (step.action === 'give-up') return this.#giveUp(error)
    this.#settle('settled', false)
    this.#take(step)
  }

  /** None of the targets that are left can take the request: a row of its own, of what no provider saw. */
  #refuse(error: GatewayError): void {
    this.#leaveFile()
    this.#giveUp(error)
  }

  /** Providers count for requests in their own dialect: for another one's the gateway estimates, and says so. */
  #count(translator: Translator): void {
    const counted = translator.countTokens()
    if (!counted.ok) return this.#refuse(counted.error)
    this.#leaveFile()
    tellCount(this.#prepared, counted.value)
    this.#settle('answered', true)
  }

  /** What follows is not the last attempt's. */
  #leaveFile(): void {
    if (this.#onFile) this.#reset()
    this.#onFile = false
    this.#x.target = null
  }

  /** For the time of a retry or of a target, in the queue before an engine, or for what is fetched: no attempt is under way. */
  get #waits(): boolean {
    return this.#lane === null
  }

  /** No attempt is left: the provider's own refusal of the request is handed on, unless it tells a secret; everything else is told in our words. */
  #giveUp(error: GatewayError): void {
    const x = this.#x
    x.error = error.kind
    if (x.committedAt !== 0) return this.#breakOff(error)
    if (x.explain) this.#explain()
    if (!REFUSALS.has(error.kind) || this.#answer === null || !this.#answer.handOnRefusal(text => this.#layers.reveals(x.target?.credentialId ?? null, text))) tellError(this.#prepared, error)
    this.#settle('settled', true)
  }

  /** The attempt is over: the board hears how. */
  #leave(): void {
    if (this.#lane === null) return
    this.#layers.targetBoard.end(this.#lane, this.#ticket, this.#x, this.#retryAfterMs)
    this.#lane = null
  }

  #settle(outcome: Outcome, final: boolean): void {
    const x = this.#x
    this.#hedge?.end(x.error ?? 'superseded')
    this.#hedge = null
    this.#leave()
    if (this.#walk !== null) x.route = this.#walk.text()
    this.#place?.end()
    this.#place = null
    this.#layers.limiter.endAttempt(x, this.#prepared.admission)
    if (final) {
      x.settledAt = performance.now()
      this.#call = null
      this.#prepared.sink.listener = null
      this.#layers.limiter.settle(this.#prepared.admission, x)
    }
    this.#layers.journal.settle(x, this.#onFile || outcome === 'answered' ? outcome : 'refused', final)
    this.#layers.metrics.observe(x, final)
    if (final && x.snapshot.hooks.onSettle !== null) x.snapshot.hooks.onSettle(x)
  }
}
