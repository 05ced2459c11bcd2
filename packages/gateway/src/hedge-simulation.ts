import {
  Exchange, NO_HOOKS,
  type ClientListener, type ClientSink, type DialectId, type HedgeRule, type Plan, type Snapshot, type Target, type TargetsToAuthority, type UpstreamHandler, type UpstreamRequest,
} from '@headrace/contract'
import { Attempts } from './attempts.ts'
import { TargetAuthority } from './authority/target-authority.ts'
import { DIALECTS } from './main.ts'
import { createMetrics } from './observability/metrics.ts'
import { Capacity } from './orchestration/capacity/capacity.ts'
import { HedgeBudget } from './orchestration/hedge-budget.ts'
import { ShadowBook } from './orchestration/shadow-book.ts'
import { TargetBoard } from './orchestration/health/target-board.ts'
import { TargetPicker } from './orchestration/health/target-picker.ts'
import { LeaseDesk } from './orchestration/limits/lease-desk.ts'
import { Limiter, UNLIMITED } from './orchestration/limits/limiter.ts'
import { Pacing } from './orchestration/pacing/pacing.ts'
import { RetryBudget } from './orchestration/retry-policy.ts'
import type { AttemptLayers } from './prepared-call.ts'

/** A provider's call: how long it takes to its first byte, ms. */
export type Pace = (target: string) => number

const EVENT = Buffer.from('data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n')
const END = Buffer.from('data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')

/** Whole workers, attempts and all, before engines that are only timers. For tests with fake timers: the clock is `performance.now()`. */
export class HedgeSimulation {
  readonly #authority: TargetAuthority
  readonly #workers: { readonly layers: AttemptLayers, readonly board: TargetBoard }[] = []
  readonly #pace: Pace
  readonly #plan: Plan
  #running = 0
  #next = 0
  /** Calls that reached a provider, and of them those given up. */
  calls = 0
  cancelled = 0
  /** Times to the first byte at the client, ms. */
  readonly firstBytes: number[] = []

  constructor(workers: number, pace: Pace, hedge: HedgeRule | null) {
    this.#pace = pace
    this.#plan = { model: 'm', targets: [target('a/m'), target('b/m')], hedge }
    this.#authority = new TargetAuthority({
      now: () => performance.now(), wall: () => performance.now(), random: () => 0.5,
      send: (worker, message) => this.#workers[worker - 1]?.board.receive(structuredClone(message)),
    })
    for (let number = 1; number <= workers; number++) {
      const board = new TargetBoard({ now: () => performance.now(), soon: task => setTimeout(task, 0), send: message => this.#authority.receive(number, structuredClone(message) as TargetsToAuthority) })
      this.#workers.push({ board, layers: this.#layersFor(board) })
    }
    // A worker is welcomed with its first word, which may have come before it was in the list.
    for (const [index] of this.#workers.entries()) this.#authority.receive(index + 1, { type: 'targets', news: [] })
  }

  /** Ten times per second. */
  report(): void {
    for (const { board } of this.#workers) board.flush()
    this.#authority.sweep()
  }

  get running(): number { return this.#running }

  /** One streamed request, at the workers in turn. */
  ask(): void {
    const worker = this.#workers[this.#next++ % this.#workers.length]
    if (worker === undefined) throw new Error('no worker')
    const x = new Exchange(`x-${this.#next}`, SNAPSHOT, 'openai-chat', 'chat', 0, performance.now())
    x.plan = this.#plan
    x.stream = true
    x.admittedAt = x.startedAt
    this.#running++
    const sink = new CountingSink(() => { this.firstBytes.push(performance.now() - x.startedAt) }, () => { this.#running-- })
    new Attempts(worker.layers, {
      exchange: x, plan: this.#plan, dialect: DIALECTS.relay['openai-chat'], sink, admission: UNLIMITED, body: () => '{}', foreign: '', path: 'chat', request: { body: Buffer.from('{}') },
      headers: '', dialectHeaders: '', withholdUsage: false, acceptsRestart: false, resumes: null,
    }).start()
  }

  #layersFor(board: TargetBoard): AttemptLayers {
    const options = { now: () => performance.now(), wall: () => 0, send: () => {}, soon: () => {}, after: () => {}, random: () => 0.5, onLine: () => {} }
    const desk = new LeaseDesk(options)
    return {
      dialects: DIALECTS, dispatch: (request, handler) => this.#dispatch(request, handler), reveals: () => false, metrics: createMetrics(),
      journal: { intent: (_x, holder) => holder.proceed(), settle() {}, flush() {}, close() {} },
      retryBudget: new RetryBudget(() => performance.now(), () => board.workers), targetBoard: board, targetPicker: new TargetPicker(board, () => performance.now()),
      limiter: new Limiter(options, desk), capacity: new Capacity({ ...options, desk }), pacing: new Pacing(options), fetchPart: () => Promise.reject(new Error('nothing is fetched')),
      hedgeBudget: new HedgeBudget(() => board.workers), noPrefill: new WeakSet(), shadows: new ShadowBook(() => 1),
    }
  }

  #dispatch({ path }: UpstreamRequest, handler: UpstreamHandler): { resume(): void, abort(): void } {
    this.calls++
    let over = false
    const timer = setTimeout(() => {
      over = true
      handler.onHead(200, { header: name => name === 'content-type' ? 'text/event-stream' : undefined })
      handler.onData(EVENT, false)
      handler.onData(END, true)
      handler.onEnd()
    }, this.#pace(path))
    return {
      resume() {},
      abort: () => {
        clearTimeout(timer)
        if (!over) this.cancelled++
        over = true
      },
    }
  }
}

const target = (name: string): Target => ({
  name, provider: name.split('/')[0] ?? '', model: 'm', dialect: 'openai-chat' satisfies DialectId, origin: {}, credentialId: null, paths: { chat: name }, headers: '',
  timeouts: { connect: 1e3, firstToken: 1e5, idle: 1e5, total: 1e6 }, answerHeaders: '', usageOption: false, modelJson: '"m"',
}) as unknown as Target // what no attempt in this simulation reads is left out

const SNAPSHOT = { version: 1, hooks: NO_HOOKS, policy: { logCalls: false, logBodies: 'none', maxAttempts: 3, holdLimit: 1e6 } } as unknown as Snapshot // as above

class CountingSink implements ClientSink {
  listener: ClientListener | null = null
  readonly closed = false
  readonly #onFirst: () => void
  readonly #onEnd: () => void

  constructor(onFirst: () => void, onEnd: () => void) {
    this.#onFirst = onFirst
    this.#onEnd = onEnd
  }

  begin(): void { this.#onFirst() }
  respond(): void { this.#onEnd() }
  write(): boolean { return true }
  end(): void { this.#onEnd() }
  abort(): void { this.#onEnd() }
}
