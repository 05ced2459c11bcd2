import { randomBytes } from 'node:crypto'
import { isRunning } from '@headrace/bytes'
import { etagOf, type ContextOwner, type ContextState } from '@headrace/contract'
import { isResponseId } from '../response-ids.ts'
import { shownItem } from '../response-items.ts'
import { isUnfinished, readRecord, statusOf, wholeResponse, withStatus, writeRecord, type ResponseRecord } from '../response-record.ts'
import { eventLogId, LOG_ENDED } from './event-log.ts'
import { endEvent, sequenceOf, splitEvents } from './response-events.ts'

/** Whose response. */
export interface RunKey { readonly owner: ContextOwner, readonly tenant: string, readonly id: string }
export interface FoundResponse { readonly state: ContextState, readonly record: ResponseRecord }

const DIED = '{"code":"server_error","message":"The process that ran this response ended before it was done. Send the request again."}'

/** Null = there is none. */
export async function findResponse({ owner, tenant, id }: RunKey): Promise<FoundResponse | null> {
  const state = isResponseId(id) ? await owner.state(tenant, id) : null
  const record = state?.kind === 'response' ? readRecord(state.settings) : null
  return state === null || record === null ? null : { state, record }
}

/**
 * The response as it stands. One that is not done, and whose process has ended without a word (killed, a power cut), has failed: that is put on file by whoever
 * sees it first, so that nobody waits for ever.
 */
export async function settledResponse(key: RunKey): Promise<FoundResponse | null> {
  for (;;) {
    const found = await findResponse(key)
    if (found === null || found.record.runner === '' || !isUnfinished(found.record) || isRunning(found.record.runner)) return found
    await endRun(key, found, 'failed', DIED)
  }
}

/** Says of an unfinished response how it ended, unless somebody else has said something meanwhile. */
export async function endRun({ owner, tenant, id }: RunKey, { state, record }: FoundResponse, status: 'failed' | 'cancelled', error: string): Promise<void> {
  await owner.change(tenant, id, { expect: { etag: etagOf(state) }, turn: newTurn(), settings: writeRecord({ ...record, response: withStatus(record.response, status, error) }) }, '')
}

/** Where a response has ended, and whoever ran it lives no more, its events end too: with the one that says how. */
export async function settleEvents(key: RunKey): Promise<void> {
  const found = await settledResponse(key)
  if (found === null || isUnfinished(found.record) || isRunning(found.record.runner)) return
  const { owner, tenant, id } = key
  const log = await owner.read(tenant, eventLogId(id), null)
  if (log === null || log.state.settings === LOG_ENDED) return
  const last = log.items.at(-1)?.bytes.latin1Slice() ?? ''
  const text = endEvent(statusOf(found.record), await shownResponse(key, found.record), Math.max(-1, ...splitEvents(last).map(sequenceOf)) + 1)
  await owner.change(tenant, log.state.id, { expect: { etag: etagOf(log.state) }, turn: newTurn(), append: [{ bytes: Buffer.from(text, 'latin1'), text: '' }], settings: LOG_ENDED }, '')
}

/** With its output, as clients see it. Latin1. */
export async function shownResponse({ owner, tenant, id }: RunKey, record: ResponseRecord): Promise<string> {
  const reading = await owner.read(tenant, id, record.output)
  return wholeResponse(record, reading?.items.map(({ bytes }) => shownItem(bytes.latin1Slice())) ?? [])
}

const newTurn = (): string => randomBytes(9).toString('base64url')
