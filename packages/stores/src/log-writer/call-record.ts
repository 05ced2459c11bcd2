import { INTENT_FIELDS, SETTLED_FIELDS, type SegmentRecord, type SegmentValue } from '@headrace/bytes'
import type { CallKind, CallRecord, Outcome } from '@headrace/contract'

type IntentField = typeof INTENT_FIELDS[number]
type SettledField = typeof SETTLED_FIELDS[number]

const KIND_ID_ATTEMPT = 3
const intentAt = positions(INTENT_FIELDS)
const settledAt = positions(SETTLED_FIELDS)

function positions<F extends string>(fields: readonly F[]): Readonly<Record<F, number>> {
  return Object.freeze(Object.fromEntries(fields.map((field, index) => [field, KIND_ID_ATTEMPT + index])) as Record<F, number>)
}

const text = (value: SegmentValue | undefined): string => typeof value === 'string' ? value : ''
const number = (value: SegmentValue | undefined): number => typeof value === 'number' ? value : -1
const ms = (value: SegmentValue | undefined): number => typeof value === 'number' && value >= 0 ? value / 1000 : -1
const body = (value: SegmentValue | undefined): string | null => typeof value === 'string' ? Buffer.from(value, 'latin1').toString('utf8') : null

/** By the kind of their intent. */
const KINDS: Readonly<Record<string, CallKind>> = Object.freeze({ i: 'call', h: 'hedge', w: 'shadow', r: 'call' })
export const isIntent = (record: SegmentRecord): boolean => record[0] !== 'r' && KINDS[record[0]] !== undefined

/** Id and attempt number: unique per upstream call. */
export function callIdOf(record: SegmentRecord): string {
  return `${record[1]}.${record[2]}`
}

/** The row of one call from its intent, and from what came of it: null = nobody knows. A refusal (`r`) is both in one record. */
export function callRecord(intent: SegmentRecord, settled: SegmentRecord | null): CallRecord {
  const known = (field: IntentField): SegmentValue | undefined => intent[intentAt[field]]
  const shift = settled !== null && settled[0] === 'r' ? INTENT_FIELDS.length : 0
  const told = (field: SettledField): SegmentValue | undefined => settled === null ? undefined : settled[settledAt[field] + shift]
  const id = text(intent[1])
  return {
    callId: callIdOf(intent), exchangeId: id, requestId: text(known('requestId')) || id, attempt: number(intent[2]), kind: KINDS[intent[0]] ?? 'call',
    outcome: settled === null ? 'unknown' : outcomeOf(told('outcome')),
    tenant: text(known('tenant')), team: text(known('team')), app: text(known('app')), keyId: text(known('keyId')), endUser: text(known('endUser')),
    startedAt: number(known('wallTime')), dialect: text(known('dialect')), operation: text(known('operation')),
    model: text(known('model')), provider: text(known('provider')), targetModel: text(known('targetModel')), stream: known('stream') === 1,
    status: Math.max(0, number(told('status'))), upstreamStatus: Math.max(0, number(told('upstreamStatus'))),
    // Written from an `ErrorKind` or ''.
    errorKind: text(told('errorKind')) as CallRecord['errorKind'], finishReason: text(told('finishReason')),
    dropped: text(told('dropped')), approximated: text(told('approximated')), route: text(told('route')), compared: text(told('compared')),
    inputTokens: number(told('inputTokens')), outputTokens: number(told('outputTokens')), cachedInputTokens: number(told('cachedInputTokens')),
    cacheWriteTokens: number(told('cacheWriteTokens')), reasoningTokens: number(told('reasoningTokens')),
    // Of a call that nobody lived to tell of, what was reserved for it.
    costNano: number(settled === null ? known('reserved') : told('cost')), priceVersion: text(known('priceVersion')),
    requestBytes: number(known('requestBytes')), responseBytes: Math.max(0, number(told('responseBytes'))),
    admittedMs: ms(known('admitted')), attemptMs: ms(known('attempt')), sentMs: ms(told('sent')), headMs: ms(told('head')),
    firstByteMs: ms(told('firstByte')), committedMs: ms(told('committed')), totalMs: ms(told('total')),
    traceId: text(known('traceId')), metadata: text(known('metadata')), tags: text(known('tags')),
    requestBody: body(told('requestBody')), responseBody: body(told('responseBody')),
  }
}

/** What a late settled record adds to a row that was given up as `unknown`. */
export function upgradedRecord(stored: CallRecord, settled: SegmentRecord): CallRecord {
  // Only what the settlement says is taken: the rest of it is read from another kind of record and means nothing.
  const late = callRecord(settled, settled)
  return {
    ...stored,
    outcome: late.outcome, status: late.status, upstreamStatus: late.upstreamStatus, errorKind: late.errorKind, finishReason: late.finishReason,
    dropped: late.dropped, approximated: late.approximated, route: late.route, compared: late.compared,
    inputTokens: late.inputTokens, outputTokens: late.outputTokens, cachedInputTokens: late.cachedInputTokens,
    cacheWriteTokens: late.cacheWriteTokens, reasoningTokens: late.reasoningTokens, costNano: late.costNano, responseBytes: late.responseBytes,
    sentMs: late.sentMs, headMs: late.headMs, firstByteMs: late.firstByteMs, committedMs: late.committedMs, totalMs: late.totalMs,
    requestBody: late.requestBody, responseBody: late.responseBody,
  }
}

function outcomeOf(value: SegmentValue | undefined): Outcome {
  return value === 'settled' || value === 'partial' || value === 'refused' || value === 'answered' || value === 'coalesced' ? value : 'unknown'
}
