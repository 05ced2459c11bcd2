import type { AttachmentState, AuthorityState, CounterSpec, LeaseCall, LeaseDenial, LeaseGrant, LeaseNews } from '@headrace/contract'
import { BudgetMeter } from './budget-meter.ts'
import { createMeter, type Meter, type Moment } from './meter.ts'

export type AuthorityOp = LeaseGrant | LeaseDenial | LeaseCall

/** One worker's side of one counter. */
export class Attachment {
  readonly worker: number
  /** The number under which the worker knows the counter. */
  readonly id: number
  readonly counter: Counter
  /** Units given out and not given back, those used included. */
  held = 0
  used = 0
  mark = 0
  /** The window that the units given out belong to. */
  from = 0
  /** It has nothing unused and gives back at once what comes back to it: a recall would bring nothing. */
  dry = false
  /** A recall is under way. */
  recalled = false
  /** It refuses requests for at least so many units on our word, until relieved. */
  starvedOf = Infinity

  constructor(worker: number, id: number, counter: Counter) {
    this.worker = worker
    this.id = id
    this.counter = counter
  }

  /** Units out and not used, as far as is known. */
  get outside(): number {
    return Math.max(0, this.held - this.used)
  }
}

interface Waiting { readonly attachment: Attachment, readonly need: number, readonly want: number, recalled: boolean }

export interface CounterPorts {
  moment(): Moment
  send(attachment: Attachment, op: AuthorityOp): void
  /** A recall has begun: call back when it should have ended. */
  watch(giveUp: () => void): void
  /** The use of a calendar window has changed. */
  changed(): void
}

/**
 * One limit's units and who holds them. Whoever is short waits in a queue; its head is served, or all other holders are recalled, and only when
 * every one of them has given back what it did not need is the head refused (invariant 12).
 *
 *   ask --enough--> grant
 *    |                ^
 *    +--short--> recall others --all answered--> enough? --no--> deny
 */
export class Counter {
  readonly key: string
  readonly group: string
  readonly #ports: CounterPorts
  #spec: CounterSpec
  #version: number
  readonly #meter: Meter
  readonly #attachments = new Set<Attachment>()
  #queue: Waiting[] = []
  /** Recalls not yet answered. */
  #recalling = 0
  #recalls = 0
  /** Attachments that refuse requests on our word. */
  #starved = 0
  #outside = 0
  /** A budget whose earlier use the ledger has not told yet: everybody waits, nobody is refused. */
  #closed: boolean

  constructor(key: string, group: string, spec: CounterSpec, version: number, ports: CounterPorts) {
    this.key = key
    this.group = group
    this.#spec = spec
    this.#version = version
    this.#ports = ports
    this.#meter = createMeter(spec, ports.moment())
    this.#closed = spec.kind === 'budget'
  }

  get spec(): CounterSpec { return this.#spec }
  get meter(): Meter { return this.#meter }

  attach(worker: number, id: number, spec: CounterSpec, version: number): Attachment {
    this.adopt(spec, version)
    const attachment = new Attachment(worker, id, this)
    attachment.from = this.#meter.window().from
    this.#attachments.add(attachment)
    return attachment
  }

  /** For a counter in another process that takes over: nothing may change here afterwards. */
  dump(): AuthorityState['counters'][number] {
    const waits = (attachment: Attachment): AttachmentState['waits'] => this.#queue.filter(waiting => waiting.attachment === attachment).map(({ need, want }) => ({ need, want }))
    return {
      key: this.key, group: this.group, spec: this.#spec, version: this.#version, closed: this.#closed, meter: this.#meter.dump(this.#ports.moment()),
      attachments: Array.from(this.#attachments, attachment => {
        const { worker, id, held, used, mark, from, dry, starvedOf } = attachment
        return { worker, id, held, used, mark, from, dry, starvedOf: starvedOf === Infinity ? null : starvedOf, waits: waits(attachment) }
      }),
    }
  }

  /** Takes a dump over, before anything else. A recall that was under way is begun again where it is still needed; who waited waits again. */
  load({ closed, meter, attachments }: AuthorityState['counters'][number]): readonly Attachment[] {
    this.#closed = closed
    this.#meter.load(meter, this.#ports.moment())
    const loaded = attachments.map(({ worker, id, held, used, mark, from, dry, starvedOf }) => {
      const attachment = Object.assign(new Attachment(worker, id, this), { held, used, mark, from, dry })
      this.#attachments.add(attachment)
      this.#starve(attachment, starvedOf ?? Infinity)
      this.#outside += attachment.outside
      return attachment
    })
    for (const [index, { waits }] of attachments.entries()) {
      const attachment = loaded[index]
      if (attachment !== undefined) for (const { need, want } of waits) this.#queue.push({ attachment, need, want, recalled: false })
    }
    this.#settle()
    return loaded
  }

  /** Takes over the amount of a later configuration. */
  adopt(spec: CounterSpec, version: number): void {
    if (version < this.#version || spec.kind !== this.#spec.kind) return
    this.#version = version
    this.#spec = spec
    this.#meter.adopt(spec, this.#ports.moment())
    this.#settle()
  }

  /** What the ledger says was used before, by parts of the budget's window. Only the first word counts: from then on the number here is newer. */
  learn(used: readonly (readonly [from: number, units: number])[]): void {
    if (!this.#closed || !(this.#meter instanceof BudgetMeter)) return
    this.#closed = false
    this.#meter.restore(used)
    this.#settle()
  }

  /** Takes a worker's word in. Numbers that make no sense are cut to what does: a confused worker cannot make units. */
  hear(attachment: Attachment, news: LeaseNews): void {
    if (this.#spec.kind === 'calendar' && (news.back > 0 || news.charge > 0)) this.#ports.changed()
    // A bucket is brought up to this moment with the units that were outside until now: they were not refilling it.
    this.#free()
    const before = attachment.outside
    const current = news.from === attachment.from
    const back = Math.max(0, current ? Math.min(news.back, attachment.held) : news.back)
    if (back > 0) this.#meter.giveBack(back, news.from)
    if (current) attachment.held -= back
    if (news.charge > 0) {
      this.#meter.take(news.charge)
      attachment.held += news.charge
    }
    attachment.used = Math.max(0, news.used)
    attachment.mark = Math.max(attachment.used, news.mark)
    this.#outside += attachment.outside - before
    if (news.op === 'recalled') this.#answered(attachment)
    if (news.op === 'ask') this.#ask(attachment, news)
    if (news.op === 'close') this.detach(attachment)
    else if (back > 0 || news.op === 'recalled') this.#settle()
  }

  /**
   * The worker is gone or forgets the counter: what it cannot have used comes back, and so do its slots, since the requests in them died with it.
   * What it may have used since its last word counts as used.
   */
  detach(attachment: Attachment): void {
    if (!this.#attachments.delete(attachment)) return
    this.#starve(attachment, Infinity)
    this.#free()
    this.#outside -= attachment.outside
    const back = this.#spec.kind === 'slots' ? attachment.held : Math.max(0, attachment.held - attachment.mark)
    if (back > 0) {
      this.#meter.giveBack(back, attachment.from)
      if (this.#spec.kind === 'calendar') this.#ports.changed()
    }
    if (attachment.recalled) this.#answered(attachment)
    this.#queue = this.#queue.filter(waiting => waiting.attachment !== attachment)
    this.#settle()
  }

  /** Those who have not answered the recall by now are taken for dry: nobody waits for a worker that hangs. Its units return when it ends. */
  #giveUp(recall: number): void {
    if (recall !== this.#recalls) return
    for (const attachment of this.#attachments) if (attachment.recalled) this.#answered(attachment)
    this.#settle()
  }

  /** Nobody holds it and nothing of it needs to be remembered. */
  idle(at: Moment): boolean {
    return this.#attachments.size === 0 && this.#meter.idle(at)
  }

  #answered(attachment: Attachment): void {
    if (!attachment.recalled) return
    attachment.recalled = false
    attachment.dry = true
    this.#recalling--
  }

  #ask(attachment: Attachment, { need, want }: LeaseNews): void {
    if (need > 0) {
      this.#queue.push({ attachment, need, want, recalled: false })
      return this.#settle()
    }
    const free = this.#queue.length > 0 || this.#closed ? 0 : this.#free()
    this.#grant(attachment, this.#share(free, want), 0)
  }

  /** Serves the queue from its head as far as it goes, and tells those who refuse on our word when there is something again. */
  #settle(): void {
    if (this.#closed) return
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const free = this.#free()
      const { attachment, need } = head
      if (free < need) {
        if (this.#recalling > 0 || this.#recallOthers(head)) return
        // An engine's slots: the head waits for the next one that comes back, and all others behind it.
        if (this.#spec.kind === 'slots' && this.#spec.patient === true) return
        this.#starve(attachment, need)
        this.#ports.send(attachment, {
          op: 'deny', id: attachment.id, need, left: Math.max(0, free), waitMs: this.#meter.waitFor(need, this.#ports.moment()),
        })
      } else {
        this.#grant(attachment, need + this.#share(free - need, head.want), need)
      }
      this.#queue.shift()
    }
    this.#relieve()
  }

  #starve(attachment: Attachment, need: number): void {
    this.#starved += Number(need !== Infinity) - Number(attachment.starvedOf !== Infinity)
    attachment.starvedOf = need
  }

  #relieve(): void {
    if (this.#starved === 0) return
    let free = -1
    for (const attachment of this.#attachments) {
      if (attachment.starvedOf === Infinity) continue
      if (free < 0) free = Math.max(0, this.#free())
      if (free < attachment.starvedOf) continue
      this.#starve(attachment, Infinity)
      this.#ports.send(attachment, { op: 'relief', id: attachment.id })
    }
  }

  /** False = nobody else has anything. */
  #recallOthers(head: Waiting): boolean {
    if (head.recalled) return false
    head.recalled = true
    for (const attachment of this.#attachments) {
      if (attachment === head.attachment || attachment.dry || attachment.recalled) continue
      attachment.recalled = true
      this.#recalling++
      this.#ports.send(attachment, { op: 'recall', id: attachment.id })
    }
    if (this.#recalling === 0) return false
    const recall = ++this.#recalls
    this.#ports.watch(() => this.#giveUp(recall))
    return true
  }

  /** Of what is free, half is shared among the holders: the other half stays where it can go to whoever needs it. */
  #share(free: number, want: number): number {
    return free <= 0 || this.#wanted() ? 0 : Math.max(0, Math.min(want, Math.floor(free / (2 * this.#attachments.size))))
  }

  /** Somebody is refused, or waits, besides the one being served: nobody gets more than it needs, and nobody keeps what it does not. */
  #wanted(): boolean {
    return this.#starved > 0 || this.#recalling > 0 || this.#queue.length > 1
  }

  #free(): number {
    return this.#meter.available(this.#ports.moment(), this.#outside)
  }

  #grant(attachment: Attachment, units: number, need: number): void {
    const window = this.#meter.window()
    const before = attachment.outside
    if (attachment.from !== window.from) {
      // What was out belonged to a window that is over: it is void there and owed nowhere.
      attachment.from = window.from
      attachment.held = attachment.used
    }
    this.#meter.take(units)
    attachment.held += units
    if (units > 0) this.#starve(attachment, Infinity)
    const tight = this.#wanted()
    if (units > 0) {
      if (this.#spec.kind === 'calendar') this.#ports.changed()
      // Who was not dry may hold units that came back to it before it hears of this.
      if (!tight) attachment.dry = false
    }
    this.#outside += attachment.outside - before
    this.#ports.send(attachment, {
      op: 'grant', id: attachment.id, units, need, from: window.from, until: Number.isFinite(window.until) ? window.until : null,
      left: Math.max(0, this.#free()) + this.#outside - attachment.outside, tight,
    })
  }
}
