import type { CoalesceAsk, CoalesceToAuthority, CoalesceToWorker } from '@headrace/contract'

/** Requests known at the same time. One more is run without others being told of it. */
const MAX_KEYS = 100_000

interface Leader { readonly worker: number, readonly socket: string }

/**
 * The owner of who runs which request. It lives in the supervisor beside the other authorities: no I/O, and no byte of a request or an answer. What it
 * forgets costs nothing but a second call.
 */
export class CoalesceAuthority {
  readonly #send: (worker: number, message: CoalesceToWorker) => void
  readonly #leaders = new Map<string, Leader>()
  readonly #workers = new Set<number>()
  /** Those who have asked: only they want to know how many there are. */
  readonly #askers = new Set<number>()

  /** `send`: a worker that is gone is not an error. */
  constructor(send: (worker: number, message: CoalesceToWorker) => void) {
    this.#send = send
  }

  workerCame(worker: number): void {
    this.#workers.add(worker)
    this.#tellCount()
  }

  receive(worker: number, { socket, asks, over }: CoalesceToAuthority): void {
    for (const key of over) if (this.#leaders.get(key)?.worker === worker) this.#leaders.delete(key)
    if (asks.length === 0) return
    this.#askers.add(worker)
    const answers = asks.map(ask => ({ ticket: ask.ticket, leader: this.#leaderOf(ask, { worker, socket }) }))
    this.#send(worker, { type: 'coalesce', workers: this.#workers.size, answers })
  }

  /** What it ran is free. */
  workerGone(worker: number): void {
    this.#askers.delete(worker)
    if (!this.#workers.delete(worker)) return
    for (const [key, leader] of this.#leaders) if (leader.worker === worker) this.#leaders.delete(key)
    this.#tellCount()
  }

  /** Requests that run, as far as it was told. */
  get size(): number {
    return this.#leaders.size
  }

  #leaderOf({ key, refusedBy }: CoalesceAsk, asker: Leader): string {
    const leader = this.#leaders.get(key)
    if (leader !== undefined && leader.worker !== asker.worker && leader.socket !== refusedBy) return leader.socket
    if (leader !== undefined || this.#leaders.size < MAX_KEYS) this.#leaders.set(key, asker)
    return ''
  }

  #tellCount(): void {
    for (const worker of this.#askers) this.#send(worker, { type: 'coalesce', workers: this.#workers.size, answers: [] })
  }
}
