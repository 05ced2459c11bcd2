import type { Origin } from '@headrace/contract'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { Deadlines, Timed } from './deadlines.ts'
import { closedFault, crowdedFault } from './faults.ts'
import type { Carrier, RunningCall } from './running-call.ts'

/** Calls that may wait for a connection of one origin. */
const MAX_WAITING = 4096
/** A connection is given up this much before the peer said it would close it, ms. */
const PEER_MARGIN_MS = 1000

/** Bounds of each origin's pool. */
export interface PoolLimits {
  readonly maxIdlePerOrigin: number
  readonly maxConnectionsPerOrigin: number
  /** Longest that an idle connection is kept, ms. */
  readonly keepAliveMs: number
}

/**
 * The connections to one origin. Idle ones are a stack: the warmest is used first and the surplus grows old at the bottom.
 * A call waits (first in, first out) only when all allowed connections are busy.
 */
export class Pool implements ConnectionOwner, Timed, Carrier {
  slot = -1
  session: Buffer | undefined = undefined
  readonly origin: Origin
  readonly readBuffer: Buffer
  /** Connections that serve or can serve. */
  open = 0
  readonly #limits: PoolLimits
  readonly #deadlines: Deadlines
  readonly #idle: Connection[] = []
  readonly #waiting = new Set<RunningCall>()
  /** Every connection whose socket is not closed yet. */
  readonly #sockets = new Set<Connection>()
  #isClosing = false
  #onEmpty: (() => void) | null = null

  constructor(origin: Origin, limits: PoolLimits, deadlines: Deadlines, readBuffer: Buffer) {
    this.origin = origin
    this.readBuffer = readBuffer
    this.#limits = limits
    this.#deadlines = deadlines
  }

  get idle(): number {
    return this.#idle.length
  }

  get waiting(): number {
    return this.#waiting.size
  }

  start(call: RunningCall): void {
    const idle = this.#takeIdle()
    if (idle !== null) {
      idle.carry(call)
    } else if (this.open < this.#limits.maxConnectionsPerOrigin) {
      this.#connect(call)
    } else {
      this.#wait(call)
    }
  }

  released(connection: Connection, keepAliveMs: number): void {
    const next = this.#nextWaiting()
    if (next !== null) {
      connection.carry(next)
      return
    }
    const announced = keepAliveMs < 0 ? Infinity : keepAliveMs - PEER_MARGIN_MS
    const keep = Math.min(this.#limits.keepAliveMs, announced)
    if (keep <= 0 || this.#isClosing || this.#idle.length >= this.#limits.maxIdlePerOrigin) {
      connection.destroy()
      return
    }
    connection.expiresAt = this.#deadlines.now + keep
    this.#idle.push(connection)
  }

  gone(connection: Connection): void {
    this.open -= 1
    const index = this.#idle.lastIndexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
    const next = this.#nextWaiting()
    if (next !== null) this.#connect(next)
  }

  closed(connection: Connection): void {
    this.#sockets.delete(connection)
    if (this.#sockets.size > 0) return
    this.#deadlines.remove(this)
    this.#onEmpty?.()
  }

  /** A waiting call gives up. */
  drop(call: RunningCall): void {
    this.#waiting.delete(call)
  }

  /** A waiting call has nothing to resume. */
  resume(): void {}

  sweep(now: number): void {
    // Not a plain filter: the peers' announcements differ, so age is not ordered; `destroy` removes from the stack.
    for (let index = this.#idle.length - 1; index >= 0; index -= 1) {
      const connection = this.#idle[index]
      if (connection !== undefined && connection.expiresAt <= now) connection.destroy()
    }
  }

  /** Fails what still runs with `shutting-down` and resolves when every socket is closed. */
  close(): Promise<void> {
    this.#isClosing = true
    for (const call of this.#waiting) call.fail(closedFault())
    this.#waiting.clear()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    for (const connection of this.#sockets) connection.fail(closedFault())
    if (this.#sockets.size === 0) resolve()
    return promise
  }

  #takeIdle(): Connection | null {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined) return null
      if (connection.expiresAt > this.#deadlines.now) return connection
      connection.destroy()
    }
  }

  #nextWaiting(): RunningCall | null {
    for (const call of this.#waiting) {
      this.#waiting.delete(call)
      return call
    }
    return null
  }

  #connect(call: RunningCall): void {
    this.open += 1
    const connection = new Connection(this, call)
    if (this.#sockets.size === 0) this.#deadlines.add(this)
    this.#sockets.add(connection)
  }

  #wait(call: RunningCall): void {
    call.carrier = this
    if (this.#waiting.size < MAX_WAITING) {
      this.#waiting.add(call)
      return
    }
    // Not at once: the caller does not hold the call yet.
    queueMicrotask(() => call.fail(crowdedFault(this.origin, this.#limits.maxConnectionsPerOrigin)))
  }
}
