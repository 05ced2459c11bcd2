import { Exchange, type Principal, type QuotaUse, type Snapshot, type Target } from '@headrace/contract'
import { Pacing } from '../orchestration/pacing/pacing.ts'
import { PaceAuthority } from './pace-authority.ts'

/** A provider's limits and how it counts: what its answers' heads say, and whom it refuses. Times are virtual ms. */
export interface SimulatedProvider {
  readonly tpm: number
  /** What it counts of a request. */
  readonly counts: (request: PacedRequest) => number
  readonly fixedWindow?: boolean
  /** From request to head. */
  readonly ttftMs: number
  /** Resets as seconds in OpenAI's headers, or as instants in Anthropic's. */
  readonly headers?: 'seconds' | 'instants'
}

export interface PacedRequest { readonly worker: number, readonly input: number, readonly allowed: number, readonly written: number }

interface Event { readonly at: number, readonly order: number, readonly run: () => void }

/** One provider's limit, its authority and some workers, in virtual time. For tests. */
export class PaceSimulation {
  now = 1_000
  given = 0
  refused = 0
  shed = 0
  /** Of those who were served: how long they waited for their turn, ms. */
  readonly waits: number[] = []
  readonly authority: PaceAuthority
  readonly workers: Pacing[] = []
  readonly #provider: SimulatedProvider
  readonly #target = { name: 'up/m', credentialId: 'up#1', dialect: 'openai-chat', timeouts: { connect: 1_000, firstToken: 60_000, idle: 60_000, total: 600_000 } } as unknown as Target
  #level: number
  #levelAt = 1_000
  #events: Event[] = []
  #order = 0

  constructor(provider: SimulatedProvider, workers: number) {
    this.#provider = provider
    this.#level = provider.tpm
    this.authority = new PaceAuthority({
      now: () => this.now, after: (ms, task) => this.at(ms, task),
      send: (worker, message) => { const copy = structuredClone(message); this.at(1, () => this.workers[worker]?.receive(copy)) },
    })
    for (let worker = 0; worker < workers; worker++) {
      this.workers.push(new Pacing({
        now: () => this.now, wall: () => this.now + 1_700_000_000_000, random: () => 0.5, soon: task => this.at(0, task), after: (ms, task) => this.at(ms, task), onLine: () => {},
        send: message => { const copy = structuredClone(message); this.at(1, () => this.authority.receive(worker, copy)) },
      }))
    }
  }

  at(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + ms, order: this.#order++, run })
  }

  /** Runs everything that is due in the next `ms`. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms
    for (;;) {
      // What promises bring about comes before the next event.
      await new Promise(setImmediate)
      const due = this.#events.filter(event => event.at <= end).toSorted((left, right) => left.at - right.at || left.order - right.order)[0]
      if (due === undefined) break
      this.#events.splice(this.#events.indexOf(due), 1)
      this.now = Math.max(this.now, due.at)
      due.run()
    }
    this.now = end
  }

  /** Somebody else uses the same credential. */
  useElsewhere(units: number): void {
    this.#refill()
    this.#level -= units
  }

  send(request: PacedRequest): void {
    const worker = this.workers[request.worker]
    if (worker === undefined) return
    const x = new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', 0, this.now)
    x.principal = { tenant: 't', keyId: 'k' } as Principal
    x.maxOutput = request.allowed
    const body = Buffer.alloc(request.input * 4, 'word')
    if (worker.calm || !worker.isPaced(this.#target)) return this.#attempt(worker, x, request, body, null)
    const turn = worker.enter(this.#target, x, {
      onTurn: (_target, waitedMs) => {
        this.waits.push(waitedMs)
        const { mark } = turn
        turn.end()
        this.#attempt(worker, x, request, body, mark)
      },
      onShed: () => { this.shed++ },
    }, { body })
    if (turn.refusal !== null) this.shed++
  }

  #attempt(worker: Pacing, x: Exchange, request: PacedRequest, body: Buffer, mark: QuotaUse | null): void {
    x.attemptAt = x.sentAt = this.now
    this.at(5, () => {
      const { tpm, counts, ttftMs, fixedWindow = false, headers = 'seconds' } = this.#provider
      this.#refill()
      const units = counts(request)
      const refused = this.#level < units
      if (refused) this.refused++
      else {
        this.#level -= units
        this.given += units
      }
      const remaining = Math.max(0, Math.floor(this.#level))
      const resetMs = fixedWindow ? this.#levelAt + 60_000 - this.now : (tpm - this.#level) / tpm * 60_000
      const names = headers === 'seconds'
        ? { limit: 'x-ratelimit-limit-tokens', remaining: 'x-ratelimit-remaining-tokens', reset: 'x-ratelimit-reset-tokens' }
        : { limit: 'anthropic-ratelimit-tokens-limit', remaining: 'anthropic-ratelimit-tokens-remaining', reset: 'anthropic-ratelimit-tokens-reset' }
      const said = new Map([
        [names.limit, String(tpm)], [names.remaining, String(remaining)], ['anthropic-ratelimit-requests-remaining', headers === 'seconds' ? '' : '10'],
        [names.reset, headers === 'seconds' ? `${(resetMs / 1_000).toFixed(2)}s` : new Date(this.now + 1_700_000_000_000 + resetMs).toISOString()],
      ].filter(([, value]) => value !== '') as [string, string][])
      this.at(refused ? 5 : ttftMs, () => {
        x.headAt = this.now
        worker.hear(x, this.#target, { header: name => said.get(name) }, mark)
        if (refused) return worker.hearRefusal(this.#target, 1_000)
        x.usage = { ...x.usage, inputTokens: request.input, outputTokens: request.written }
        x.upstreamStatus = 200
        x.responseBytes = request.written * 4
        if (mark !== null) worker.learn(x, this.#target, { body })
      })
    })
  }

  #refill(): void {
    const { tpm, fixedWindow = false } = this.#provider
    if (!fixedWindow) {
      this.#level = Math.min(tpm, this.#level + (this.now - this.#levelAt) / 60_000 * tpm)
      this.#levelAt = this.now
    } else if (this.now >= this.#levelAt + 60_000) {
      this.#level = tpm
      this.#levelAt += Math.floor((this.now - this.#levelAt) / 60_000) * 60_000
    }
  }
}
