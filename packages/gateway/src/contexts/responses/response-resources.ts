import { failure, gatewayError, success, type GatewayError, type Result } from '@headrace/contract'
import { readCount } from '../native/read-fields.ts'
import { eventLogId } from './background/event-log.ts'
import { followEvents } from './background/follow-events.ts'
import { endRun, settledResponse, shownResponse, type FoundResponse } from './background/settle-run.ts'
import { listItems } from './list-items.ts'
import { isResponseId } from './response-ids.ts'
import { isUnfinished } from './response-record.ts'
import { printable } from './response-request.ts'
import type { StateHandler, StateRequest } from './state-request.ts'

async function find(asked: StateRequest): Promise<Result<FoundResponse>> {
  const found = await settledResponse(asked)
  return found === null ? failure(unknown(asked.id)) : success(found)
}

const unknown = (id: string): GatewayError => gatewayError('not-found', `Response with id '${printable(id)}' not found.`, { param: 'response_id' })

/** The response as it is now, or its events behind one that the client has seen. */
export const getResponse: StateHandler = async asked => {
  const found = await find(asked)
  if (!found.ok) return found
  const { query, sink } = asked
  if (query.get('stream') !== 'true') return success(await shownResponse(asked, found.value.record))
  if (found.value.record.runner === '') return failure(gatewayError('invalid-request', 'Only a response that was made in the background can be streamed again.', { param: 'stream' }))
  const after = readCount(query, 'starting_after', -1, 0, 1e9)
  if (!after.ok) return after
  followEvents(asked, after.value, sink)
  return success(null)
}

/** All that the model was asked with: what came before it, too. */
export const listInput: StateHandler = async asked => {
  const found = await find(asked)
  if (!found.ok) return found
  const { owner, tenant, id, query } = asked
  const reading = await owner.read(tenant, id, null)
  if (reading === null) return failure(unknown(id))
  return listItems(reading.items.slice(0, found.value.record.output.seq).map(({ bytes }) => bytes.latin1Slice()), query)
}

/** What goes on with it stays. */
export const deleteResponse: StateHandler = async asked => {
  const { owner, tenant, id } = asked
  const removed = isResponseId(id) && await owner.remove(tenant, id)
  if (removed) await owner.remove(tenant, eventLogId(id))
  return removed ? success(`{"id":"${id}","object":"response","deleted":true}`) : failure(unknown(id))
}

/** It is on file that the response is cancelled before this is answered; whichever process runs it then stops. One that has ended stays as it is. */
export const cancelResponse: StateHandler = async asked => {
  for (;;) {
    const found = await find(asked)
    if (!found.ok) return found
    const { record } = found.value
    // Whoever waits for an answer ends it by leaving.
    if (record.runner === '') return failure(gatewayError('invalid-request', 'Cannot cancel a synchronous response.', { param: 'response_id' }))
    if (!isUnfinished(record)) return success(await shownResponse(asked, record))
    await endRun(asked, found.value, 'cancelled', 'null')
  }
}
