import {
  ERROR_POLICY, gatewayError, UNKNOWN_USAGE,
  type ClientListener, type ClientSink, type Dispatch, type Exchange, type FetchPart, type GatewayError, type Outcome, type Plan, type RelayDialect,
  type ResponseHead, type Target, type UpstreamCall, type UpstreamHandler,
} from '@headrace/contract'
import { Answer, type AttemptAnswer } from './answer.ts'
import type { IntentHolder, Journal } from './observability/journal.ts'
import type { Metrics } from './observability/metrics.ts'
import type { Capacity } from './orchestration/capacity/capacity.ts'
import type { Turn, TurnHolder } from './orchestration/capacity/turn.ts'
import type { Admission, Limiter } from './orchestration/limits/limiter.ts'
import { nextStep, type RetryBudget } from './orchestration/retry-policy.ts'
import { TranslatedAnswer } from './translated-answer.ts'
import { Translator, type Dialects, type Translated, type UnfitAnswer } from './translation.ts'

/** What the attempts need of the layers, wired once in `main.ts`. */
export interface AttemptLayers {
  readonly dialects: Dialects
  readonly dispatch: Dispatch
  /** A provider's text holds the secret that it was called with. */
  readonly reveals: (credentialId: string | null, text: string) => boolean
  readonly journal: Journal
  readonly metrics: Metrics
  readonly retryBudget: RetryBudget
  readonly limiter: Limiter
  /** Fetches what a request names by URL for targets that do not. */
  readonly fetchPart: FetchPart
  readonly capacity: Capacity
}

/** A request that is ready to be sent to any target of its plan. */
export interface PreparedCall {
  readonly exchange: Exchange
  readonly plan: Plan
  readonly dialect: RelayDialect
  readonly sink: ClientSink
  /** What it holds of its limits: given back when it settles. */
  readonly admission: Admission
  /** The body for a target of the client's dialect, as latin1 (one char = one byte). */
  readonly body: (target: Target) => string
  /** The client's own body, for targets of another dialect. */
  readonly clientBody: Buffer
  /** Per-request header lines for any provider, and those that only one of the client's dialect understands. */
  readonly headers: string
  readonly dialectHeaders: string
  /** The gateway asks for usage where the client did not: the usage chunk is withheld. */
  readonly withholdUsage: boolean
}

/**
 * The loop over targets: retry and fallback before commitment, relay to the client, and the one place where an exchange settles.
 * One instance per request; it is itself the upstream's handler and the client's listener, so that no closure is made per chunk.
 *
 *   (place at the engine ->) intent on file -> dispatch -> head -> answer -> settled
 *         ^-- retry, fallback <-- failed before the first byte to the client
 */
export class Attempts implements UpstreamHandler, ClientListener, IntentHolder, TurnHolder {
  readonly #layers: AttemptLayers
  readonly #prepared: PreparedCall
  readonly #x: Exchange
  #targetIndex = 0
  #onTarget = 0
  #answer: AttemptAnswer | null = null
  #translator: Translator | null = null
  /** The current attempt's request in another dialect than the client's; null = the fast lane. */
  #translated: Translated | null = null
  #call: UpstreamCall | null = null
  /** The last attempt's failure, and why the first target that was passed over cannot take the request. */
  #failure: GatewayError | null = null
  #refusal: GatewayError | null = null
  /** Something that the current target does not fetch is being fetched for it. */
  #fetches = false
  /** An answer was asked to be mended already. */
  #mended = false
  /** An intent was written: from then on a row is a call's. */
  #onFile = false
  #timer: NodeJS.Timeout | null = null
  /** Bytes of the answer at which the limits want to know of it; Infinity where no limit counts its tokens. */
  #progressAt = Infinity
  /** The current attempt's place at its engine, or in the queue before it; null = the engine takes whatever comes. */
  #turn: Turn | null = null

  constructor(layers: AttemptLayers, prepared: PreparedCall) {
    this.#layers = layers
    this.#prepared = prepared
    this.#x = prepared.exchange
  }

  start(): void {
    this.#layers.retryBudget.earn()
    this.#prepared.sink.listener = this
    if (this.#prepared.sink.closed) return this.onClose()
    this.#enter()
  }

  /** Goes to the current target, or to the next one that can take the request. One that cannot sees nothing, and so has no row (invariant 7). */
  #enter(): void {
    const target = this.#prepared.plan.targets[this.#targetIndex]
    if (target === undefined) return this.#refuse(this.#failure ?? this.#refusal ?? gatewayError('internal', 'The model has no target.'))
    if (target.dialect === this.#x.dialect && !this.#needsShape(target)) return this.#begin(target, null)
    const translator = this.#translatorOf()
    if (this.#x.operation === 'count-tokens') return this.#count(translator)
    const fetching = translator.prepare(target)
    if (fetching === null) return this.#translate(target, translator)
    this.#fetches = true
    void fetching.then(error => this.#fetched(target, error))
  }

  /** A target of the client's own dialect that has no structured output, and a request that asks for it. */
  #needsShape({ structuredOutput = 'native' }: Target): boolean {
    return structuredOutput !== 'native' && this.#x.operation === 'chat' && this.#translatorOf().wantsStructure()
  }

  #translatorOf(): Translator {
    return this.#translator ??= new Translator(this.#layers.dialects, this.#x, this.#prepared.clientBody, this.#layers.fetchPart)
  }

  #fetched(target: Target, error: GatewayError | null): void {
    this.#fetches = false
    if (this.#x.settledAt !== 0 || this.#translator === null) return
    if (error === null) this.#translate(target, this.#translator)
    else this.#passOver(error)
  }

  #translate(target: Target, translator: Translator): void {
    const translated = translator.translate(target)
    if (translated.ok) this.#begin(target, translated.value)
    else this.#passOver(translated.error)
  }

  #passOver(refusal: GatewayError): void {
    this.#refusal ??= refusal
    this.#targetIndex++
    this.#enter()
  }

  /** Begins an attempt at the current target, if need be after a wait for a place at its engine. */
  #begin(target: Target, translated: Translated | null): void {
    this.#translated = translated
    if (target.capacity == null) return this.#attempt(target)
    const turn = this.#turn = this.#layers.capacity.take(target.capacity, target, this.#x, this)
    if (turn.held) this.#attempt(target)
    else if (turn.refusal !== null) this.onShed(turn.refusal)
  }

  onTurn(target: Target, waitedMs: number): void {
    this.#x.queuedMs += waitedMs
    this.#attempt(target)
  }

  /** The engine is too busy: the next one may not be. */
  onShed(error: GatewayError): void {
    this.#turn = null
    this.#failure = error
    this.#targetIndex++
    this.#onTarget = 0
    this.#enter()
  }

  /** The attempt's intent goes on file before its first byte goes out (invariant 7). */
  #attempt(target: Target): void {
    const x = this.#x
    x.target = target
    const translated = this.#translated
    this.#onTarget++
    this.#onFile = true
    this.#reset()
    if (translated !== null) {
      x.dropped = translated.dropped
      x.approximated = translated.approximated
    }
    this.#progressAt = this.#layers.limiter.beginAttempt(x, this.#prepared.admission)
    this.#layers.journal.intent(x, this)
  }

  /** The record of another attempt begins empty. */
  #reset(): void {
    const x = this.#x
    x.attempts++
    // The first attempt begins with the admission: reading the clock costs more than the difference.
    x.attemptAt = x.attempts === 1 && x.queuedMs === 0 ? x.admittedAt : performance.now()
    x.sentAt = 0
    x.headAt = 0
    x.firstByteAt = 0
    x.upstreamStatus = 0
    x.responseBytes = 0
    x.finishReason = ''
    x.usage = UNKNOWN_USAGE
    x.error = null
    x.reservedNano = x.costNano = -1
    x.dropped = ''
    x.approximated = ''
    this.#answer = null
  }

  proceed(): void {
    const x = this.#x
    const target = x.target
    if (target === null || x.settledAt !== 0) return
    const attempt = x.attempts
    const translated = this.#translated
    const call = this.#layers.dispatch({
      origin: target.origin,
      method: 'POST',
      path: target.paths[x.operation],
      headers: target.headers + this.#prepared.headers + (translated === null ? this.#prepared.dialectHeaders : translated.request.headers),
      credentialId: target.credentialId,
      body: translated === null ? this.#prepared.body(target) : translated.request.body,
      timeouts: target.timeouts,
      deadline: x.startedAt + target.timeouts.total,
    }, this)
    // A dispatch that failed at once has already moved on to the next attempt, or settled.
    if (x.attempts === attempt && x.settledAt === 0) this.#call = call
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
    const { dialect, sink, withholdUsage } = this.#prepared
    this.#answer = this.#translated === null
      ? new Answer(x, dialect, sink, status, head, withholdUsage)
      : new TranslatedAnswer(x, this.#translated, sink, status, head)
  }

  onData(chunk: Buffer, last: boolean): boolean {
    const answer = this.#answer
    if (answer === null) return true
    if (this.#x.firstByteAt === 0) this.#x.firstByteAt = performance.now()
    const more = answer.take(chunk, last)
    if (this.#x.responseBytes >= this.#progressAt) this.#progressAt = this.#layers.limiter.progress(this.#prepared.admission, this.#x)
    if (answer.streamError === null) return more
    this.#call?.abort()
    this.#fail(answer.streamError)
    return true
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
    this.#call?.abort()
    this.#translator?.stop()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#answer?.keepUsage()
    if (this.#waits) this.#leaveFile()
    this.#x.error = 'client-closed'
    if (this.#x.status === 0) this.#x.status = ERROR_POLICY['client-closed'].status
    this.#settle('partial', true)
  }

  /** An answer that has begun ends with the dialect's error event; another request is told to come again. */
  onShutdown(): void {
    if (this.#x.settledAt !== 0) return
    this.#call?.abort()
    this.#translator?.stop()
    if (this.#timer !== null) clearTimeout(this.#timer)
    const error = gatewayError('shutting-down', 'The gateway is shutting down, and the time that answers get to finish in is over. Send the request again.')
    if (this.#waits) this.#refuse(error)
    else this.#fail(error)
  }

  /** An attempt failed. Before commitment the plan goes on; after it the answer is broken off (invariant 3). */
  #fail(error: GatewayError): void {
    const x = this.#x
    this.#call = null
    x.error = error.kind
    if (x.committedAt !== 0) {
      this.#answer?.breakOff(error)
      return this.#settle('partial', true)
    }
    const step = nextStep(error, {
      onTarget: this.#onTarget,
      attemptsLeft: x.snapshot.policy.maxAttempts - x.attempts,
      targetsLeft: this.#prepared.plan.targets.length - this.#targetIndex - 1,
      timeLeft: x.startedAt + (x.target?.timeouts.total ?? 0) - performance.now(),
    }, this.#layers.retryBudget, Math.random)
    if (step.action === 'give-up') return this.#giveUp(error)
    this.#settle('settled', false)
    const target = x.target
    if (step.action === 'retry' && target !== null) {
      this.#timer = setTimeout(() => this.#begin(target, this.#translated), step.delayMs)
      return
    }
    this.#failure = error
    this.#targetIndex++
    this.#onTarget = 0
    this.#enter()
  }

  /** The answer is not what its schema demands: once for a request it is asked to be mended, in an attempt of its own. After that the next target may do better. */
  #mend(unfit: UnfitAnswer, error: GatewayError): void {
    const x = this.#x
    const target = x.target
    x.error = error.kind
    const attemptsLeft = x.snapshot.policy.maxAttempts - x.attempts
    const again = this.#mended || target === null || attemptsLeft <= 0 ? null : this.#translatorOf().translate(target, unfit)
    if (again?.ok !== true && (attemptsLeft <= 0 || this.#targetIndex + 1 >= this.#prepared.plan.targets.length)) return this.#giveUp(error)
    this.#settle('settled', false)
    if (again?.ok === true && target !== null) {
      this.#mended = true
      return this.#begin(target, again.value)
    }
    this.#failure = error
    this.#targetIndex++
    this.#onTarget = 0
    this.#enter()
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
    const x = this.#x
    this.#leaveFile()
    x.approximated = counted.value.approximated
    x.status = 200
    x.committedAt = performance.now()
    x.responseBytes = counted.value.body.length
    this.#prepared.sink.respond(200, counted.value.headers + x.answerHeaders, counted.value.body)
    this.#settle('answered', true)
  }

  /** What follows is not the last attempt's. */
  #leaveFile(): void {
    if (this.#onFile) this.#reset()
    this.#onFile = false
    this.#x.target = null
  }

  /** In the queue before an engine, or for what is fetched: no attempt has begun. */
  get #waits(): boolean {
    return this.#fetches || (this.#turn !== null && !this.#turn.held)
  }

  /** No attempt is left: the provider's own refusal of the request is handed on, unless it tells a secret; everything else is told in our words. */
  #giveUp(error: GatewayError): void {
    const x = this.#x
    x.error = error.kind
    if (error.kind !== 'upstream-invalid-request' || this.#answer === null || !this.#answer.handOnRefusal(text => this.#layers.reveals(x.target?.credentialId ?? null, text))) {
      const told = this.#prepared.dialect.encodeError(error, x.requestId)
      x.status = told.status
      x.committedAt = performance.now()
      this.#prepared.sink.respond(told.status, told.headers + x.answerHeaders + (x.target?.answerHeaders ?? ''), told.body)
    }
    this.#settle('settled', true)
  }

  #settle(outcome: Outcome, final: boolean): void {
    const x = this.#x
    this.#turn?.end()
    this.#turn = null
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
