import { crc32 } from 'node:zlib'

/**
 * Call-log segments: append-only files that one worker writes and one reader follows, so made that any crash leaves them readable.
 *
 *   file   = batch*                       one batch per event-loop turn, one write call
 *   batch  = "#4 " length " " crc "\n" payload      length, crc: 8 lower-case hex digits; crc = CRC-32 of the payload
 *   payload = record*                     latin1
 *   record = JSON array "\n"              first element: the kind
 *
 * Records (times: whole microseconds since the exchange began, -1 = did not happen; tokens: -1 = unknown):
 *   ["o", owner]                          first record of a file: identity of the writing process
 *   ["i", id, attempt, ...INTENT_FIELDS]  before an attempt's first byte goes out
 *   ["h", ...], ["w", ...]                the same of a hedge, and of a shadow
 *   ["s", id, attempt, ...SETTLED_FIELDS] after it ended
 *   ["r", id, attempt, ...INTENT_FIELDS, ...SETTLED_FIELDS]  a request that reached no provider
 *
 * A batch is valid whole or not at all. Changing the order or meaning of a field is a new version. Version 1 had no `reserved`, `priceVersion` and `cost`;
 * versions 1 and 2, which had no hedges and shadows, are still read, so that what an older Headrace left behind is not lost. A field at the very end of a record needs no new version: where it is missing, it is ''.
 */
export const SEGMENT_VERSION = 4
/** There is no 3: one flipped bit makes it a 1 or a 2, and the checksum is of the payload alone. */
const READABLE: ReadonlySet<number> = new Set([1, 2, SEGMENT_VERSION])
/** Bytes of a batch's header line. */
export const BATCH_HEADER_BYTES = 21
/** Longest payload; a greater length is corruption. */
export const BATCH_LIMIT = 0x1000_0000

/** Known before sending. `requestId` is 0 when it is the id itself; `stream` is 0 or 1; `metadata` and `tags` are JSON text or ''. `reserved`: nano-dollars, -1 = no price. */
export const INTENT_FIELDS = Object.freeze([
  'wallTime', 'dialect', 'operation', 'tenant', 'team', 'app', 'keyId', 'endUser', 'model', 'provider', 'targetModel', 'stream',
  'requestBytes', 'admitted', 'attempt', 'requestId', 'traceId', 'metadata', 'tags',
  'reserved', 'priceVersion',
] as const)

/** Known after. Bodies are latin1 (one char = one byte) or null. `cost`: nano-dollars, -1 = no price. */
export const SETTLED_FIELDS = Object.freeze([
  'outcome', 'status', 'upstreamStatus', 'errorKind', 'finishReason',
  'inputTokens', 'outputTokens', 'cachedInputTokens', 'cacheWriteTokens', 'reasoningTokens', 'responseBytes',
  'sent', 'head', 'firstByte', 'committed', 'total', 'requestBody', 'responseBody', 'cost',
  'dropped', 'approximated', 'route', 'compared',
] as const)
/** So many of the last settled fields came without a new version. */
const LATER_FIELDS = 4

export type SegmentValue = string | number | null
/** One record as it stands in the file: kind, then the fields of its kind by position. */
export type SegmentRecord = readonly [kind: string, ...fields: SegmentValue[]]

export type BatchRead =
  /** A whole, sound batch; its payload is `start`..`end`, and the next batch begins at `end`. */
  | { readonly kind: 'batch', readonly start: number, readonly end: number }
  /** Not all of it is there: `needed` bytes from the batch's start would show more. */
  | { readonly kind: 'incomplete', readonly needed: number }
  | { readonly kind: 'corrupt' }
  /** Written by another version of Headrace. Not to be skipped and not to be guessed at. */
  | { readonly kind: 'unknown-version', readonly version: number }

/** Escaping is needed for quotes, backslashes, control characters and what latin1 cannot hold. */
const NEEDS_ESCAPE = /["\\\x00-\x1f\u0100-\uffff]/
const BEYOND_LATIN1 = /[\u0100-\uffff]/g

/** A JSON string literal that is latin1 throughout. Costs one scan for ordinary text. */
export function segmentText(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return '"' + text + '"'
  return JSON.stringify(text).replace(BEYOND_LATIN1, char => '\\u' + char.charCodeAt(0).toString(16).padStart(4, '0'))
}

/**
 * Completes a batch whose `length` payload bytes stand at `BATCH_HEADER_BYTES` in `buffer`. Returns the batch's size in bytes.
 */
export function sealBatch(buffer: Buffer, length: number): number {
  const end = BATCH_HEADER_BYTES + length
  buffer.write(`#${SEGMENT_VERSION} ${hex8(length)} ${hex8(crc32(buffer.subarray(BATCH_HEADER_BYTES, end)))}\n`, 0, 'latin1')
  return end
}

/** A whole batch from record lines (latin1 text). */
export function encodeBatch(lines: string): Buffer {
  const buffer = Buffer.allocUnsafe(BATCH_HEADER_BYTES + lines.length)
  buffer.write(lines, BATCH_HEADER_BYTES, 'latin1')
  sealBatch(buffer, lines.length)
  return buffer
}

const hex8 = (value: number): string => value.toString(16).padStart(8, '0')
const HEADER = /^#[124] ([0-9a-f]{8}) ([0-9a-f]{8})\n$/
const OTHER_VERSION = /^#([0-9]{1,6}) /

/** Judges the batch that should begin at `offset`. Never throws; a batch it calls sound is what was written. */
export function readBatch(buffer: Buffer, offset: number): BatchRead {
  const available = buffer.length - offset
  const head = buffer.toString('latin1', offset, Math.min(buffer.length, offset + BATCH_HEADER_BYTES))
  const other = OTHER_VERSION.exec(head)
  if (other !== null && !READABLE.has(Number(other[1]))) return { kind: 'unknown-version', version: Number(other[1]) }
  if (available < BATCH_HEADER_BYTES) return { kind: 'incomplete', needed: BATCH_HEADER_BYTES }
  const match = HEADER.exec(head)
  const length = match === null ? BATCH_LIMIT + 1 : Number.parseInt(match[1] ?? '', 16)
  if (match === null || length > BATCH_LIMIT) return { kind: 'corrupt' }
  const start = offset + BATCH_HEADER_BYTES
  const end = start + length
  if (end > buffer.length) return { kind: 'incomplete', needed: BATCH_HEADER_BYTES + length }
  return crc32(buffer.subarray(start, end)) === Number.parseInt(match[2] ?? '', 16) ? { kind: 'batch', start, end } : { kind: 'corrupt' }
}

/** Where the next sound batch begins at or after `from`; -1 = none in this buffer. No client can plant one: a header ends in a newline, and newlines in records' strings are escaped. */
export function findBatch(buffer: Buffer, from: number): number {
  for (let at = buffer.indexOf('#', from, 'latin1'); at !== -1; at = buffer.indexOf('#', at + 1, 'latin1')) {
    if (buffer[at + 2] === 0x20 && readBatch(buffer, at).kind === 'batch') return at
  }
  return -1
}

const VERSION_1 = 0x31

/** The records of a sound batch (as `readBatch` has found it); null if they are not what this version writes. */
export function decodeBatch(buffer: Buffer, start: number, end: number): readonly SegmentRecord[] | null {
  const text = buffer.toString('latin1', start, end)
  if (text === '') return []
  try {
    // Newlines inside strings are escaped, so each one ends a record: one parse call for the whole batch.
    const records: unknown = JSON.parse('[' + text.slice(0, -1).replaceAll('\n', ',') + ']')
    if (!Array.isArray(records)) return null
    const first = buffer[start - BATCH_HEADER_BYTES + 1] === VERSION_1
    for (let index = 0; index < records.length; index++) {
      if (first) records[index] = upgraded(records[index])
      if (!isRecord(records[index])) records[index] = completed(records[index])
    }
    return records.every(isRecord) ? records : null
  } catch {
    return null
  }
}

function isRecord(record: unknown): record is SegmentRecord {
  return Array.isArray(record) && FIELD_COUNTS[String(record[0])] === record.length
}

const KIND_ID_ATTEMPT = 3
const FIELD_COUNTS: Readonly<Record<string, number>> = Object.freeze({
  o: 2, i: KIND_ID_ATTEMPT + INTENT_FIELDS.length, h: KIND_ID_ATTEMPT + INTENT_FIELDS.length, w: KIND_ID_ATTEMPT + INTENT_FIELDS.length, s: KIND_ID_ATTEMPT + SETTLED_FIELDS.length, r: KIND_ID_ATTEMPT + INTENT_FIELDS.length + SETTLED_FIELDS.length,
})
/** What version 1 did not have, at the end of its intents and of its settlements. */
const NEW_INTENT = Object.freeze([-1, ''])
const NEW_SETTLED = Object.freeze([-1])

/** A record of version 1 as one of version 2; anything else as it is. */
function upgraded(record: unknown): unknown {
  if (!Array.isArray(record)) return record
  const kind = String(record[0])
  const missing = (FIELD_COUNTS[kind] ?? 0) - record.length - (kind === 'i' ? 0 : LATER_FIELDS)
  if (kind === 'i' && missing === NEW_INTENT.length) return [...record, ...NEW_INTENT]
  if (kind === 's' && missing === NEW_SETTLED.length) return [...record, ...NEW_SETTLED]
  if (kind !== 'r' || missing !== NEW_INTENT.length + NEW_SETTLED.length) return record
  const settledAt = KIND_ID_ATTEMPT + INTENT_FIELDS.length - NEW_INTENT.length
  return [...record.slice(0, settledAt), ...NEW_INTENT, ...record.slice(settledAt), ...NEW_SETTLED]
}

/** A settlement from before some of the last fields, which are '' then; anything else as it is. */
function completed(record: unknown): unknown {
  if (!Array.isArray(record) || record[0] !== 's' && record[0] !== 'r') return record
  const missing = (FIELD_COUNTS[record[0]] ?? 0) - record.length
  return missing > 0 && missing <= LATER_FIELDS ? [...record, ...Array<string>(missing).fill('')] : record
}
