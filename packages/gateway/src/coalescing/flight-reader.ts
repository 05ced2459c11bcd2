import type { ErrorKind } from '@headrace/contract'

/** What a reader is told of the answer that it joins. */
export interface AnswerHead {
  readonly status: number
  /** Header lines, each ending in CRLF: the leader's own for its client, for all others those that are the answer's. */
  readonly headers: string
  /** The exchange that the call belongs to, and the request id that may stand in an error's body. */
  readonly leader: string
  readonly requestId: string
}

/**
 * One of those who get a shared answer: it takes the bytes at its own pace. `at`, `full` and `begun` are the flight's notes of it.
 * Told in this order: onRun, begin, write*, then end or abort; or, with or without onRun before, respond alone or retry alone.
 */
export abstract class FlightReader {
  /** Index of the next part that it is given. */
  at = 0
  /** What it was given last. */
  last = ''
  /** It takes nothing now: it says when with `Flight.drained`. */
  full = false
  begun = false
  /** Of a call that runs it is given nothing yet: until `Flight.release`. */
  held = false
  /** Its client is the one whose request is run. */
  readonly leads: boolean = false

  /** The limits have let the call pass. */
  abstract onRun(): void
  abstract begin(head: AnswerHead): void
  /** False = full. */
  abstract write(text: string, more: boolean): boolean
  abstract end(): void
  /** It breaks off: what was given ends with the reason already. */
  abstract abort(kind: ErrorKind): void
  /** The answer in one piece. `kind`: what went wrong, null = nothing. */
  abstract respond(head: AnswerHead, body: Buffer | string, kind: ErrorKind | null): void
  /** It gets nothing here, and may try by itself. */
  abstract retry(): void
  /** Whoever made the call is gone. `sent`: all that came, latin1. True = it makes one that goes on from there, for all readers. */
  takeOver(_sent: string): boolean {
    return false
  }
}
