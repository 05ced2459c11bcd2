import { randomBytes } from 'node:crypto'
import { gatewayError, type ClientListener, type ClientSink, type GatewayError, type IdempotencyClaim, type IdempotencyPolicy, type KeptAnswer } from '@headrace/contract'
import type { KeyBook } from './key-book.ts'
import type { Claimed } from './key-client.ts'
import { RecordedSink } from './recorded-sink.ts'
import type { RequestKeys } from './request-key.ts'
import { openAnswer, sealAnswer } from './sealed-answer.ts'

/** What is known of a request when its key is asked for. */
export interface KeyedFacts {
  readonly keys: RequestKeys
  readonly fingerprint: string
  /** Identity of this process. */
  readonly owner: string
  readonly policy: IdempotencyPolicy
  /** The longest that a request of this plan may run, ms: a claim stands a little longer, and nobody waits for longer. */
  readonly longestMs: number
}

/** What becomes of it: exactly one of these is called, once. */
export interface KeyedOutcome {
  /** It is run: its answer goes through this sink. */
  lead(sink: ClientSink): void
  replay(answer: KeptAnswer): void
  refuse(error: GatewayError): void
  /** The client left before anything else. */
  left(): void
}

/** One question waits so long at the control process, ms. */
const POLL_MS = 20_000
/** The control process may be away so long, ms; after that the request is refused. */
const UNREACHABLE_MS = 5_000
const AGAIN_MS = 100
/** A claim outlives the longest request by this, ms: for answers that are told late. */
const CLAIM_MARGIN_MS = 120_000
/** A request with an idempotency key, until it is known whether it is run, answered with what is kept, or refused. Waits at the control process, never in a loop. */
export class KeyedRequest implements ClientListener {
  readonly #book: KeyBook
  readonly #facts: KeyedFacts
  readonly #sink: ClientSink
  readonly #outcome: KeyedOutcome
  readonly #token = randomBytes(12).toString('hex')
  readonly #stopping = new AbortController()

  constructor(book: KeyBook, facts: KeyedFacts, sink: ClientSink, outcome: KeyedOutcome) {
    this.#book = book
    this.#facts = facts
    this.#sink = sink
    this.#outcome = outcome
  }

  start(): void {
    if (this.#sink.closed) return this.#outcome.left()
    if (!this.#book.enter()) return this.#outcome.refuse(inProgress('Too many requests wait for the answers of others.'))
    this.#sink.listener = this
    void this.#decide().finally(() => this.#book.leave())
  }

  onDrain(): void {}

  onClose(): void {
    this.#giveUp()
    this.#outcome.left()
  }

  onShutdown(): void {
    this.#giveUp()
    this.#outcome.refuse(gatewayError('shutting-down', 'The gateway is shutting down. Send the request again.'))
  }

  /** Nobody runs this request: should the claim be won now, it is not to stand. */
  #giveUp(): void {
    this.#stopping.abort()
    this.#sink.listener = null
    this.#book.release(this.#facts.keys.name, this.#token)
  }

  async #decide(): Promise<void> {
    const { signal } = this.#stopping
    const end = performance.now() + this.#facts.longestMs
    let lastHeard = performance.now()
    for (;;) {
      const waitMs = Math.max(0, Math.min(POLL_MS, end - performance.now()))
      const claimed = await this.#book.claim(this.#claim(), waitMs, signal).catch((): null => null)
      if (signal.aborted) return
      if (claimed !== null) {
        lastHeard = performance.now()
        if (claimed.state !== 'running' || lastHeard >= end) return this.#conclude(claimed)
      } else if (performance.now() - lastHeard > UNREACHABLE_MS) {
        this.#giveUp()
        return this.#outcome.refuse(gatewayError('overloaded', 'Idempotency keys cannot be looked up right now, so the request was not run. Send it again.', { retryAfterMs: 1_000 }))
      } else await this.#book.pause(AGAIN_MS, signal)
      if (signal.aborted) return
    }
  }

  #conclude({ state, answer }: Claimed): void {
    this.#sink.listener = null
    this.#book.count(state)
    if (answer !== null) return this.#replay(answer)
    switch (state) {
      case 'won': return this.#outcome.lead(this.#record())
      case 'running': return this.#outcome.refuse(inProgress('A request with this Idempotency-Key is still running.'))
      case 'other-request': return this.#outcome.refuse(gatewayError('idempotency-mismatch', 'This Idempotency-Key was used for another request. Use a new key for each request, and send exactly the same request to have it again.', { param: 'Idempotency-Key' }))
      case 'unknown': return this.#outcome.refuse(gatewayError('idempotency-conflict', 'The request with this Idempotency-Key broke off, and it is not known whether it reached the provider. Use a new key to run it again.', { param: 'Idempotency-Key' }))
      case 'kept':
      case 'unkept': return this.#outcome.refuse(gatewayError('idempotency-conflict', `The request with this Idempotency-Key was answered, with more than the ${this.#facts.policy.answerBytes} bytes that are kept of an answer, so it cannot be given again. Use a new key to run it again.`, { param: 'Idempotency-Key' }))
    }
  }

  #replay(sealed: Buffer): void {
    const answer = openAnswer(this.#facts.keys, sealed)
    if (answer !== null) return this.#outcome.replay(answer)
    this.#outcome.refuse(gatewayError('idempotency-conflict', 'The answer that was kept for this Idempotency-Key is damaged and cannot be given again. Use a new key to run the request again.', { param: 'Idempotency-Key' }))
  }

  #claim(): IdempotencyClaim {
    const { keys, fingerprint, owner, longestMs } = this.#facts
    return { ...keys.name, fingerprint, owner, token: this.#token, until: Date.now() + longestMs + CLAIM_MARGIN_MS }
  }

  #record(): RecordedSink {
    const { keys, policy } = this.#facts
    return new RecordedSink(this.#sink, {
      keep: answer => this.#book.settle(keys.name, this.#token, answer === null ? null : sealAnswer(keys, answer), Date.now() + policy.ttlMs),
      drop: () => this.#book.release(keys.name, this.#token),
    }, policy.answerBytes)
  }
}

function inProgress(message: string): GatewayError {
  return gatewayError('idempotency-conflict', `${message} Send it again in a moment.`, { param: 'Idempotency-Key', retryAfterMs: 1_000 })
}
