import { type CallKind, Exchange, UNKNOWN_USAGE } from '@headrace/contract'

/** The part of an exchange that is its current attempt's begins empty. */
export function beginRecord(x: Exchange, number: number, now: number): void {
  x.kind = 'call'
  x.attempts = number
  x.attemptAt = now
  x.sentAt = 0
  x.headAt = 0
  x.firstByteAt = 0
  x.upstreamStatus = 0
  x.responseBytes = 0
  x.finishReason = ''
  x.usage = UNKNOWN_USAGE
  x.error = null
  x.reservedNano = x.costNano = -1
  x.dropped = ''
  x.approximated = ''
}

/** A record of its own for an attempt of the same request that runs beside the exchange's current one. */
export function besideRecord(x: Exchange, kind: CallKind, id: string, number: number, now: number): Exchange {
  const beside = Object.assign(new Exchange(id, x.snapshot, x.dialect, x.operation, x.wallTime, x.startedAt), x, { id })
  beginRecord(beside, number, now)
  beside.kind = kind
  beside.attemptsCounted = 0
  beside.queuedMs = 0
  beside.spentNano = 0
  return beside
}

/** The exchange goes on as the attempt that ran beside its last one: that one's row is written, this one's is still to come. */
export function takeOver(x: Exchange, beside: Exchange): void {
  x.kind = beside.kind
  x.attempts = beside.attempts
  x.target = beside.target
  x.attemptAt = beside.attemptAt
  x.sentAt = beside.sentAt
  x.headAt = beside.headAt
  x.firstByteAt = beside.firstByteAt
  x.committedAt = beside.committedAt
  x.status = beside.status
  x.upstreamStatus = beside.upstreamStatus
  x.responseBytes = beside.responseBytes
  x.finishReason = beside.finishReason
  x.usage = beside.usage
  x.error = null
  x.reservedNano = beside.reservedNano
  x.costNano = beside.costNano
  x.dropped = beside.dropped
  x.approximated = beside.approximated
  x.explanation = beside.explanation
  x.responseBody = beside.responseBody
}
