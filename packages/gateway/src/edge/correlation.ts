import { randomBytes } from 'node:crypto'
import type { Exchange, RequestHead } from '@headrace/contract'

/** Ids are echoed in headers and stored: only characters that are inert everywhere. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/
/** W3C Trace Context, version 00 (https://www.w3.org/TR/trace-context/): trace id, parent id, flags; all-zero ids are invalid. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/
/** `headrace-tags: team=search, run=42`; kept as sent, so only printable ASCII and bounded. */
const TAGS = /^[\x20-\x7e]{1,1024}$/

/** Takes the client's ids and tags into the exchange. What is malformed is ignored: correlation never fails a request. */
export function readCorrelation(x: Exchange, head: RequestHead): void {
  const requestId = head.header('x-request-id')
  if (requestId !== undefined && REQUEST_ID.test(requestId)) x.requestId = requestId
  const tags = head.header('headrace-tags')
  if (tags !== undefined && TAGS.test(tags)) x.tags = tags
  if (head.header('headrace-explain') === '1') x.explain = true
  const traceparent = head.header('traceparent')
  if (traceparent === undefined) return
  const match = TRACEPARENT.exec(traceparent)
  if (match === null) return
  x.traceId = match[1] ?? ''
  x.parentSpanId = match[2] ?? ''
  x.traceFlags = match[3] ?? '00'
}

/**
 * Header lines that tie the provider's log to ours: our call's id (not the client's own), and the trace with a span of ours.
 * The id is that of the exchange's call-log rows.
 */
export function upstreamHeaders(x: Exchange): string {
  const id = `x-request-id: ${x.id}\r\n`
  if (x.traceId === '') return id
  return `${id}traceparent: 00-${x.traceId}-${randomBytes(8).toString('hex')}-${x.traceFlags}\r\n`
}
