import type { ErrorKind } from './errors.ts'
import type { Principal } from './principal.ts'
import type { CallKind } from './record.ts'
import type { DialectId, MediaOperation, Operation, PassedOperation, Plan, Snapshot, Target, Timeouts, WireName } from './snapshot.ts'
import { UNKNOWN_USAGE, type Usage } from './usage.ts'

/**
 * One request's life: the only mutable record on the hot path. Every field is set in the constructor (one hidden class);
 * when settled it *is* the log record. It never holds a secret (invariant 9).
 *
 *   ADMITTED --plan--> ATTEMPTING --first byte to client--> COMMITTED --end--> SETTLED
 *                        |   ^                                 |
 *                        +---+ next target                     +--fail--> SETTLED (truncated)
 *
 * Times are `performance.now()` milliseconds (monotonic); 0 = did not happen. `wallTime` is the only wall-clock field.
 */
export class Exchange {
  readonly id: string
  readonly snapshot: Snapshot
  readonly dialect: DialectId
  /** What its client speaks, where that is less than a dialect; else the dialect. */
  wire: WireName
  readonly operation: Operation | MediaOperation | PassedOperation
  /** Unix milliseconds at `startedAt`. */
  readonly wallTime: number
  readonly startedAt: number
  /** The client's `x-request-id` where it is well-formed, else `id`. */
  requestId: string
  /** W3C trace id and parent span id, from `traceparent`; '' = none. */
  traceId = ''
  parentSpanId = ''
  traceFlags = ''
  principal: Principal | null = null
  /** Model name as the client wrote it. */
  model = ''
  stream = false
  /** The client's own `user` field, or ''. */
  user = ''
  /** Client tags as JSON text (`metadata` object of the body, `headrace-tags` header), or ''. */
  metadata = ''
  tags = ''
  plan: Plan | null = null
  /** What the client allows (`headrace-timeout`), Infinity where it does not say; null = it says nothing. */
  timeouts: Timeouts | null = null
  /** The client wants to know the way through the plan (`headrace-explain: 1`); and that way as JSON text, where there is something to tell. */
  explain = false
  route = ''
  /** That way as a header line for the client that asked for it, ending in CRLF; '' = it did not. */
  explanation = ''
  /** Header lines for the client that do not depend on the target (limits), each ending in CRLF. */
  answerHeaders = ''
  /** What it is recorded as. */
  kind: CallKind = 'call'
  /** Of a shadow: see `CallRecord`. */
  compared = ''
  /** Attempts begun so far; the current one's number, from 1. */
  attempts = 0
  target: Target | null = null
  /** The attempt that metrics have counted last: a client that leaves between two attempts ends the last one again. */
  attemptsCounted = 0
  requestBytes = 0
  responseBytes = 0
  /** Its answer's length says nothing of tokens: sound, images, files. */
  opaque = false
  admittedAt = 0
  attemptAt = 0
  /** Milliseconds that all attempts so far waited for a place at their engine. */
  queuedMs = 0
  /** The current attempt's request is written; its answer's head arrived; its first body byte arrived. */
  sentAt = 0
  headAt = 0
  firstByteAt = 0
  /** First byte to the client: set by the client sink's caller and nothing else (invariant 3). */
  committedAt = 0
  settledAt = 0
  /** HTTP status that the client got; 0 = none. */
  status = 0
  /** HTTP status of the last attempt; 0 = none. */
  upstreamStatus = 0
  finishReason = ''
  /** Of the current attempt: what its translation left out, and what it said otherwise (names parted by `, `). */
  dropped = ''
  approximated = ''
  error: ErrorKind | null = null
  usage: Usage = UNKNOWN_USAGE
  /** Output tokens that the client allows, all choices together; -1 = it did not say. */
  maxOutput = -1
  /** Answers that the client asks for. */
  choices = 1
  /** Of the current attempt, nano-dollars: what it may cost, and what it cost; -1 = its target has no price. */
  reservedNano = -1
  costNano = -1
  /** What all attempts so far cost, nano-dollars. */
  spentNano = 0
  /** Set when the policy keeps bodies; latin1, capped. */
  requestBody = ''
  responseBody = ''

  constructor(id: string, snapshot: Snapshot, dialect: DialectId, operation: Operation | MediaOperation | PassedOperation, wallTime: number, startedAt: number) {
    this.id = id
    this.snapshot = snapshot
    this.dialect = dialect
    this.wire = dialect
    this.operation = operation
    this.wallTime = wallTime
    this.startedAt = startedAt
    this.requestId = id
  }
}
