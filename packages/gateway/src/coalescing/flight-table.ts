import type { ClientSink, CoalesceAsk, CoalesceToAuthority, CoalesceToWorker, MetricsState, RelayDialect } from '@headrace/contract'
import { Flight, type FlightMemory } from './flight.ts'
import { FlightFeed } from './flight-feed.ts'
import { FlightServer } from './flight-server.ts'
import { LeadReader } from './lead-reader.ts'

export interface FlightTableOptions {
  /** Socket at which other workers join what this one runs; null = there are none. */
  readonly socket: string | null
  readonly send: (message: CoalesceToAuthority) => void
  /** Runs what was decided in this turn in one message. */
  readonly soon: (task: () => void) => void
  /** Calls back once, after so many ms; must not keep the process alive. */
  readonly after: (ms: number, task: () => void) => void
  /** Bytes of answers that may be kept for those who join or are behind. Default 64 MiB. */
  readonly memoryBytes?: number
}

/** What becomes of a request that may be shared: exactly one of these is called, once. */
export interface ShareOutcome {
  /** It is run, and its answer goes through this sink. */
  lead(flight: Flight): void
  /** It is run already. */
  follow(flight: Flight): void
  /** The client left before anything else. */
  left(): void
}

interface Asking {
  readonly key: string
  readonly flight: Flight
  readonly reader: LeadReader
  readonly sink: ClientSink
  readonly outcome: ShareOutcome
  /** It was not waited for any longer. */
  late: boolean
}

/** The authority decides within this time, ms, or twice that, or the request is run. */
const DECIDE_MS = 250
/** What is over is told with the next question, or after this time, ms: a message costs more than a request that is sent here in vain now and then. */
const OVER_MS = 5
const MEMORY_BYTES = 64 * 2 ** 20
/** Workers that were named for a key and did not run it: remembered until it is asked for again, so many at most. */
const MAX_REFUSALS = 10_000

/** The requests of one worker that others may join, and what is known of those of other workers. */
export class FlightTable {
  readonly #options: FlightTableOptions
  readonly #memory: FlightMemory
  readonly #server: FlightServer | null
  readonly #flights = new Map<string, Flight>()
  readonly #asking = new Map<number, Asking>()
  readonly #refusedBy = new Map<string, string>()
  #asks: CoalesceAsk[] = []
  #over: string[] = []
  #told = true
  #willTell = false
  #watches = false
  #tickets = 0
  /** Other workers are there, as far as is known. */
  #company: boolean
  #led = 0
  #joined = 0
  #alone = 0

  constructor(options: FlightTableOptions) {
    this.#options = options
    this.#memory = { bytes: 0, limit: options.memoryBytes ?? MEMORY_BYTES }
    this.#company = options.socket !== null
    this.#server = options.socket === null ? null : new FlightServer(options.socket, key => this.#ledHere(key))
  }

  /** Finds out who runs the request of this key: one that is run already, here or in another worker, or this one. */
  share(key: string, dialect: RelayDialect, sink: ClientSink, outcome: ShareOutcome): void {
    const running = this.#flights.get(key)
    if (running !== undefined) {
      this.#joined++
      return outcome.follow(running)
    }
    if (sink.closed) return outcome.left()
    const flight = new Flight(dialect, this.#memory, () => this.#seal(key, flight))
    this.#flights.set(key, flight)
    const reader = new LeadReader(sink, flight)
    flight.join(reader)
    const asking = { key, flight, reader, sink, outcome, late: false }
    if (this.#company) this.#ask(asking)
    else this.#lead(asking)
  }

  /** A request that was turned away too often is run by itself. */
  countAlone(): void {
    this.#alone++
  }

  receive({ workers, answers }: CoalesceToWorker): void {
    this.#company = workers > 1
    for (const { ticket, leader } of answers) {
      const asking = this.#asking.get(ticket)
      this.#asking.delete(ticket)
      if (asking === undefined) continue
      if (leader === '') this.#register(asking)
      else if (!asking.late) this.#follow(asking, leader)
    }
  }

  /** The metrics with those of shared calls, where there are any. */
  addTo(metrics: MetricsState): MetricsState {
    if (this.#led === 0 && this.#joined === 0) return metrics
    const counters: Record<string, number> = { ...metrics.counters }
    for (const [role, count] of [['led', this.#led], ['joined', this.#joined], ['alone', this.#alone]] as const) counters[`headrace_coalesce_requests_total{role="${role}"}`] = count
    return { ...metrics, counters, gauges: { ...metrics.gauges, headrace_coalesce_calls: this.#flights.size, headrace_coalesce_kept_bytes: this.#memory.bytes } }
  }

  /** Resolves when no other worker reads here any more, or after `graceMs`: then those that are left are told. */
  async drain(graceMs: number): Promise<void> {
    const end = performance.now() + graceMs
    while (this.#server !== null && this.#server.connections > 0 && performance.now() < end) await new Promise<void>(resolve => { this.#options.after(DRAIN_LOOK_MS, resolve) })
    if (this.#server !== null && this.#server.connections > 0) for (const flight of this.#flights.values()) flight.listener?.onShutdown()
  }

  close(): void {
    this.#server?.close()
  }

  #ledHere(key: string): Flight | null {
    const flight = this.#flights.get(key)
    return flight?.registered === true ? flight : null
  }

  #ask(asking: Asking): void {
    const ticket = ++this.#tickets
    this.#asking.set(ticket, asking)
    this.#asks.push({ ticket, key: asking.key, refusedBy: this.#refusedBy.get(asking.key) ?? '' })
    this.#refusedBy.delete(asking.key)
    this.#tell()
  }

  #lead({ flight, outcome }: Asking): void {
    this.#led++
    outcome.lead(flight)
  }

  #register(asking: Asking): void {
    const { key, flight, outcome } = asking
    if (asking.late || flight.closed) {
      if (this.#flights.get(key) === flight) flight.registered = true
      else this.#end(key)
      return asking.late ? undefined : outcome.left()
    }
    flight.registered = true
    this.#lead(asking)
  }

  /** Another worker runs it: whoever waits here reads its answer, and the one that asked with them. */
  #follow({ key, flight, reader, sink, outcome }: Asking, leader: string): void {
    if (flight.closed) return outcome.left()
    this.#joined++
    flight.detach(reader)
    sink.listener = null
    new FlightFeed(leader, key, flight, () => { if (this.#refusedBy.size < MAX_REFUSALS) this.#refusedBy.set(key, leader) })
    if (sink.closed) outcome.left()
    else outcome.follow(flight)
  }

  #seal(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
    if (flight.registered) this.#end(key)
  }

  #end(key: string): void {
    this.#over.push(key)
    if (this.#willTell) return
    this.#willTell = true
    this.#options.after(OVER_MS, () => {
      this.#willTell = false
      if (this.#over.length > 0) this.#flush()
    })
  }

  #tell(): void {
    if (!this.#told) return
    this.#told = false
    this.#options.soon(() => {
      this.#told = true
      this.#flush()
    })
  }

  #flush(): void {
    const asks = this.#asks
    const over = this.#over
    this.#asks = []
    this.#over = []
    this.#options.send({ type: 'coalesce', socket: this.#server?.path ?? '', asks, over })
    if (asks.length > 0 && !this.#watches) this.#watch()
  }

  /** One timer for all: what was asked before it began, and is not answered when it ends, is given up. */
  #watch(): void {
    const last = this.#tickets
    this.#watches = true
    this.#options.after(DECIDE_MS, () => {
      this.#watches = false
      this.#giveUp(last)
      if (this.#tickets > last && this.#asking.size > 0) this.#watch()
    })
  }

  /** Nobody has decided: it is run here, and nobody but this worker's own clients can join it. */
  #giveUp(last: number): void {
    for (const [ticket, asking] of this.#asking) {
      if (asking.late || ticket > last) continue
      asking.late = true
      if (asking.flight.closed) asking.outcome.left()
      else this.#lead(asking)
    }
  }
}

/** How often draining looks whether others still read here, ms. */
const DRAIN_LOOK_MS = 50
