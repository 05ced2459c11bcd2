import type { CounterSpec, LeaseCall, LeaseDenial, LeaseGrant, LeaseNews, LeaseOpen, LimitsToAuthority, LimitsToWorker } from '@headrace/contract'
import { capacityOf, Lease, perMsOf, type Shortage } from './lease.ts'

export interface DeskOptions {
  /** Monotonic ms and Unix ms. */
  readonly now: () => number
  readonly wall: () => number
  /** Sends to the authority, in order. */
  readonly send: (message: LimitsToAuthority) => void
  /** Runs a task once this turn's work is done. */
  readonly soon: (task: () => void) => void
  /** Calls back once after so many ms; must not keep the process alive. */
  readonly after: (ms: number, task: () => void) => void
}

/** The authority is told of use this late at most, ms. */
const REPORT_MS = 10
/** A request waits this long for the authority, ms: the supervisor hangs, which must not hang the data path. */
const WAIT_MS = 1_000
/** A denial is asked about again after this long at most, ms: clocks step, and limits change. */
const DENIAL_MS = 1_000
/** The same where nothing but giving back helps: a relief is sent then, so this is the safety net. */
const SLOT_DENIAL_MS = 100
/**
 * Units announced at a time at most, in multiples of a request's: what a crash leaves in doubt is bounded by it. Of a large limit a thousandth, within reason;
 * money in doubt is worse than a message more.
 */
const ANNOUNCED = 256
const ANNOUNCED_OF_LARGE = 4_096
const ANNOUNCED_PART = 1 / 1_024
const ANNOUNCED_MONEY = 8
const LARGEST_WANT = 2 ** 32
/** Leases that a worker holds; beyond it, idle ones are closed at once. */
const MAX_LEASES = 100_000
/** Leases looked at per `sweep`, and rounds without use after which one is closed. */
const SWEEP = 2_000
const CLOSE_AFTER = 120

/** The worker's side of the leases: asks ahead of need, answers recalls, reports use, and forgets what is idle. */
export class LeaseDesk {
  readonly #options: DeskOptions
  readonly #byKey = new Map<string, Lease>()
  readonly #byId = new Map<number, Lease>()
  #nextId = 1
  #ops: (LeaseOpen | LeaseNews)[] = []
  #flushing = false
  #announced = false
  #dirty: Lease[] = []
  #reporting = false
  #sweepFrom: IterableIterator<Lease> | null = null

  constructor(options: DeskOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#byId.size
  }

  /** Units that lie here unused. */
  get unused(): number {
    let units = 0
    for (const lease of this.#byId.values()) units += lease.balance
    return units
  }

  /** The lease of a counter; opened on first use, and again where the amount has changed. */
  open(key: string, group: string, spec: CounterSpec, version: number): Lease {
    const known = this.#byKey.get(key)
    if (known === undefined) {
      const lease = new Lease(this.#nextId++, key, group, spec, version)
      this.#byKey.set(key, lease)
      this.#byId.set(lease.id, lease)
      this.#post({ op: 'open', id: lease.id, key, group, spec, version })
      return lease
    }
    if (version > known.version) {
      known.version = version
      known.spec = spec
      known.capacity = capacityOf(spec)
      known.perMs = perMsOf(spec)
      known.deniedNeed = Infinity
      this.#post({ op: 'open', id: known.id, key, group, spec, version })
    }
    return known
  }

  /** Uses units that `has` has said are there; `tellAhead` is to follow. */
  take(lease: Lease, units: number): void {
    if (lease.headroom < units) this.#announce(lease, units)
    lease.balance -= units
    this.commit(lease, units)
    if (lease.balance < lease.low && !lease.refilling) this.#refill(lease)
  }

  /** After a request has taken all its units: what was announced of them leaves now, in one message, before the request goes on. */
  tellAhead(): void {
    if (!this.#announced) return
    this.#announced = false
    this.#flush()
  }

  /** Waits for units and sets them aside: they are neither balance nor used until `commit` or `putBack`. */
  wait(lease: Lease, units: number): Promise<Shortage | null> {
    return new Promise(done => {
      lease.waiters.push({ units, done })
      this.#serve(lease)
    })
  }

  /** Counts units that were set aside as used; `tellAhead` is to follow. */
  commit(lease: Lease, units: number): void {
    if (lease.headroom < units) this.#announce(lease, units)
    lease.headroom -= units
    lease.used += units
    lease.touched = true
    this.#soil(lease)
  }

  /** Units that were set aside, or are no longer used (`wasUsed`), come back. */
  putBack(lease: Lease, units: number, wasUsed: boolean): void {
    lease.balance += units
    if (wasUsed) lease.used -= units
    lease.deniedNeed = Infinity
    // What comes back late to an idle lease is given back by the next sweeps.
    lease.touched = true
    this.#soil(lease)
    // Where slots are queued for, other workers may stand before our own waiters: the authority says who is next.
    const queued = lease.asking && isPatient(lease)
    if (!queued) this.#serve(lease)
    if ((lease.tight || queued) && lease.balance > 0) this.#news(lease, 'report', 0, 0, true)
  }

  /** Units used in a window that is over, and not needed after all: they go back to it. What the authority knows as used stays what it is. */
  returnTo(lease: Lease, units: number, from: number): void {
    this.#post({ op: 'report', id: lease.id, used: lease.used, mark: lease.used + lease.headroom, back: units, from, charge: 0, need: 0, want: 0 })
  }

  /** More was used than had been reserved: from the balance as far as it goes, the rest is owed. */
  overdraw(lease: Lease, units: number): void {
    const covered = Math.max(0, Math.min(units, lease.balance))
    lease.balance -= covered
    lease.charge += units - covered
    lease.used += units
    lease.headroom = Math.max(0, lease.headroom - covered)
    this.#soil(lease)
  }

  receive(message: LimitsToWorker): void {
    for (const op of message.ops) {
      const lease = this.#byId.get(op.id)
      if (lease === undefined) continue
      if (op.op === 'grant') this.#granted(lease, op)
      else if (op.op === 'deny') this.#denied(lease, op)
      else this.#called(lease, op)
    }
  }

  /** Gives back what is not in use and closes what has long been idle. Call it about four times per second. */
  sweep(): void {
    this.#sweepFrom ??= this.#byId.values()
    for (let looked = 0; looked < SWEEP; looked++) {
      const next = this.#sweepFrom.next()
      if (next.done === true) {
        this.#sweepFrom = null
        return
      }
      this.#rest(next.value)
    }
  }

  /** Last words: gives everything back, at once. What still runs keeps running uncounted. */
  close(): void {
    for (const lease of this.#byId.values()) this.#close(lease)
    this.#flush()
  }

  #close(lease: Lease): void {
    this.#news(lease, 'close', 0, 0, true)
    lease.closed = true
    this.#byKey.delete(lease.key)
    this.#byId.delete(lease.id)
  }

  #rest(lease: Lease): void {
    if (lease.touched || lease.waiters.length > 0 || lease.refilling || lease.asking) {
      lease.touched = false
      lease.idleRounds = 0
      return
    }
    lease.idleRounds++
    if (lease.busy === 0 && (lease.idleRounds >= CLOSE_AFTER || this.#byId.size > MAX_LEASES)) {
      this.#close(lease)
    } else if (lease.idleRounds === 1 && (lease.balance > 0 || Number.isFinite(lease.headroom) && lease.headroom > 0)) {
      lease.low = 0
      this.#news(lease, 'report', 0, 0, true)
    }
  }

  #granted(lease: Lease, grant: LeaseGrant): void {
    if (grant.need > 0) lease.asking = false
    else lease.refilling = false
    if (grant.from !== lease.from) {
      // The window has changed: what is left of the old one goes back to it and is not used in the new one.
      if (lease.balance > 0) this.#news(lease, 'report', 0, 0, true)
      lease.from = grant.from
    }
    lease.until = grant.until ?? Infinity
    lease.balance += grant.units
    lease.left = grant.left
    lease.leftAt = this.#options.now()
    lease.low = grant.units === 0 ? 0 : Math.floor(lease.balance / 2)
    if (grant.units > 0) {
      lease.tight = grant.tight
      lease.deniedNeed = Infinity
    }
    this.#serve(lease)
    if (lease.tight && lease.balance > 0) this.#news(lease, 'report', 0, 0, true)
  }

  #denied(lease: Lease, denial: LeaseDenial): void {
    lease.asking = false
    const now = this.#options.now()
    lease.left = denial.left
    lease.leftAt = now
    if (lease.waiters.length === 0) return
    lease.deniedNeed = denial.need
    lease.deniedUntil = now + (denial.waitMs > 0 ? Math.min(denial.waitMs, DENIAL_MS) : SLOT_DENIAL_MS)
    lease.freeAt = denial.waitMs > 0 ? now + denial.waitMs : 0
    for (const waiter of lease.waiters.splice(0)) {
      if (waiter.units >= denial.need) waiter.done('exhausted')
      else lease.waiters.push(waiter)
    }
    this.#serve(lease)
  }

  #called(lease: Lease, { op }: LeaseCall): void {
    if (op === 'relief') {
      lease.deniedNeed = Infinity
      return
    }
    lease.tight = true
    this.#news(lease, 'recalled', 0, 0, true)
  }

  /** Gives the balance to those who wait, in their order, and asks for whoever comes next. */
  #serve(lease: Lease): void {
    for (let head = lease.waiters[0]; head !== undefined; head = lease.waiters[0]) {
      const wall = this.#options.wall()
      if (lease.balance < head.units || wall >= lease.until || wall < lease.from) break
      lease.balance -= head.units
      lease.waiters.shift()
      head.done(null)
    }
    const next = lease.waiters[0]
    if (next === undefined || lease.asking) return
    lease.asking = true
    const ask = ++lease.asks
    this.#adapt(lease, next.units)
    // Whoever must ask gives back what it has: so nobody holds a part of what another one is refused.
    this.#news(lease, 'ask', next.units, lease.want, true)
    if (isPatient(lease)) return
    this.#options.after(WAIT_MS, () => {
      if (!lease.asking || lease.asks !== ask) return
      lease.asking = false
      for (const waiter of lease.waiters.splice(0)) waiter.done('unreachable')
    })
  }

  #refill(lease: Lease): void {
    lease.refilling = true
    this.#adapt(lease, 1)
    this.#news(lease, 'ask', 0, lease.want, false)
  }

  /** Leases grow while they are refilled often, and shrink again. */
  #adapt(lease: Lease, units: number): void {
    const now = this.#options.now()
    const elapsed = now - lease.askedAt
    lease.askedAt = now
    if (elapsed < 50) lease.want = Math.min(LARGEST_WANT, lease.want * 2)
    else if (elapsed > 500) lease.want = Math.max(8, lease.want / 2)
    lease.want = Math.max(lease.want, units * 8)
  }

  /** Tells ahead how much may be used before the next message. */
  #announce(lease: Lease, units: number): void {
    const most = lease.spec.kind === 'budget' ? units * ANNOUNCED_MONEY : Math.max(units * ANNOUNCED, Math.min(units * ANNOUNCED_OF_LARGE, lease.capacity * ANNOUNCED_PART))
    lease.headroom = Math.min(Math.max(units, lease.balance), Math.max(units, Math.floor(Math.min(most, lease.balance / 4))))
    this.#news(lease, 'report', 0, 0, false)
    this.#announced = true
  }

  /** What the authority must hear of soon: use of a rate, whose bucket refills by it, and debts. */
  #soil(lease: Lease): void {
    if (lease.dirty || lease.spec.kind !== 'rate' && lease.charge === 0) return
    lease.dirty = true
    this.#dirty.push(lease)
    if (this.#reporting) return
    this.#reporting = true
    this.#options.after(REPORT_MS, () => {
      this.#reporting = false
      const dirty = this.#dirty
      this.#dirty = []
      for (const lease of dirty) if (lease.dirty && !lease.closed) this.#news(lease, 'report', 0, 0, false)
      this.#flush()
    })
  }

  #news(lease: Lease, op: LeaseNews['op'], need: number, want: number, giveBack: boolean): void {
    const slots = lease.spec.kind === 'slots'
    const back = giveBack ? lease.balance : 0
    if (giveBack) {
      lease.balance = 0
      if (!slots) lease.headroom = 0
    }
    const charge = lease.charge
    lease.charge = 0
    lease.dirty = false
    this.#post({ op, id: lease.id, used: lease.used, mark: slots ? lease.used : lease.used + lease.headroom, back, from: lease.from, charge, need, want })
  }

  #post(op: LeaseOpen | LeaseNews): void {
    this.#ops.push(op)
    if (this.#flushing) return
    this.#flushing = true
    this.#options.soon(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = false
    if (this.#ops.length === 0) return
    const ops = this.#ops
    this.#ops = []
    this.#options.send({ type: 'limits', ops })
  }
}

/** Whoever waits is not refused by the authority, however long it takes. */
function isPatient({ spec }: Lease): boolean {
  return spec.kind === 'slots' && spec.patient === true
}
