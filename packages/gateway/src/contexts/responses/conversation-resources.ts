import { minifyJson, utf8AsLatin1, type JsonView } from '@headrace/bytes'
import { failure, gatewayError, success, type ContextChange, type ContextReading, type ContextState, type GatewayError, type JsonText, type Result } from '@headrace/contract'
import { itemList, listItems } from './list-items.ts'
import { conversationId, isConversationId, newKey } from './response-ids.ts'
import { idOf, inputItems, shownItem, storedText, type ItemText } from './response-items.ts'
import { printable } from './response-request.ts'
import type { StateHandler, StateRequest } from './state-request.ts'

/** Items that one request may add. */
const ITEMS_AT_ONCE = 20
const PAIRS = 16, NAME_CHARACTERS = 64, VALUE_CHARACTERS = 512

export const createConversation: StateHandler = async ({ owner, tenant, policy, body }) => {
  const key = newKey()
  const metadata = readPairs(body.get('metadata')), items = readItems(body, key, false)
  if (!metadata.ok) return metadata
  if (!items.ok) return items
  const made = await owner.create(tenant, { id: conversationId(key), kind: 'conversation', ttlMs: policy.ttlMs, metadata: metadata.value ?? '', settings: '', items: items.value.map(storedText) })
  return made.kind === 'done' ? success(conversationJson(made.state)) : failure(gatewayError('internal', 'The new conversation\'s id is taken.'))
}

export const getConversation: StateHandler = async asked => {
  const { owner, tenant, id } = asked
  const state = isConversationId(id) ? await owner.state(tenant, id) : null
  return state?.kind === 'conversation' ? success(conversationJson(state)) : failure(unknown(id))
}

export const updateConversation: StateHandler = async asked => {
  const metadata = readPairs(asked.body.get('metadata'))
  return metadata.ok ? change(asked, metadata.value === undefined ? {} : { metadata: metadata.value }) : metadata
}

/** Responses that were made in it stay. */
export const deleteConversation: StateHandler = async ({ owner, tenant, id }) => {
  const removed = isConversationId(id) && await owner.remove(tenant, id)
  return removed ? success(`{"id":"${id}","object":"conversation.deleted","deleted":true}`) : failure(unknown(id))
}

export const addItems: StateHandler = async asked => {
  const items = readItems(asked.body, newKey(), true)
  if (!items.ok) return items
  const added = await change(asked, { append: items.value.map(storedText) })
  return added.ok ? success(itemList(items.value, false)) : added
}

export const listConversation: StateHandler = async asked => {
  const reading = await read(asked)
  return reading.ok ? listItems(itemsOf(reading.value), asked.query) : reading
}

export const getItem: StateHandler = async asked => {
  const reading = await read(asked)
  if (!reading.ok) return reading
  const item = itemsOf(reading.value).find(each => idOf(each) === asked.itemId)
  return item === undefined ? failure(unknownItem(asked.itemId)) : success(shownItem(item))
}

/** The conversation as it is without it. */
export const deleteItem: StateHandler = async asked => {
  const reading = await read(asked)
  if (!reading.ok) return reading
  const { state: { seq, head } } = reading.value, items = itemsOf(reading.value)
  const place = items.findIndex(each => idOf(each) === asked.itemId)
  if (place === -1) return failure(unknownItem(asked.itemId))
  return change(asked, { expect: { place: { seq, head } }, rewindTo: place, append: items.slice(place + 1).map(storedText) })
}

async function read({ owner, tenant, id }: StateRequest): Promise<Result<ContextReading>> {
  const reading = isConversationId(id) ? await owner.read(tenant, id, null) : null
  return reading?.state.kind === 'conversation' ? success(reading) : failure(unknown(id))
}

async function change({ owner, tenant, id }: StateRequest, asked: Partial<ContextChange>): Promise<Result<string>> {
  if (!isConversationId(id)) return failure(unknown(id))
  const outcome = await owner.change(tenant, id, { expect: null, turn: newKey().slice(0, 12), ...asked }, '')
  switch (outcome.kind) {
    case 'done': return success(conversationJson(outcome.state))
    case 'held':
    case 'stale': return failure(LOCKED)
    case 'full': return failure(gatewayError('body-too-large', 'This conversation holds as many items as one may. Begin a new one.'))
    case 'unknown':
    case 'exists':
    case 'other-note':
    case 'no-such-place': return failure(unknown(id))
  }
}

/** Somebody else is at work on it. */
export const LOCKED = gatewayError('invalid-request', 'Another process is currently operating on this conversation. Please retry in a few seconds.', { param: 'conversation', retryAfterMs: 1_000 })
export const unknown = (id: string): GatewayError => gatewayError('not-found', `Conversation with id '${printable(id)}' not found.`, { param: 'conversation' })
const unknownItem = (id: string): GatewayError => gatewayError('not-found', `Item with id '${printable(id)}' not found.`, { param: 'item_id' })

const itemsOf = ({ items }: ContextReading): readonly ItemText[] => items.map(({ bytes }) => bytes.latin1Slice())

const conversationJson = ({ id, createdAt, metadata }: ContextState): string =>
  utf8AsLatin1(`{"id":"${id}","object":"conversation","created_at":${Math.floor(createdAt / 1_000)},"metadata":${metadata === '' ? '{}' : metadata}}`)

function readItems(body: JsonView, key: string, needed: boolean): Result<readonly ItemText[]> {
  const items = body.get('items')
  if (!items.given && !needed) return success([])
  if (items.kind !== 'array' || items.elements().length > ITEMS_AT_ONCE) return failure(gatewayError('invalid-request', `"items" must be a list of up to ${ITEMS_AT_ONCE} items.`, { param: 'items' }))
  return inputItems(items, key, 'c')
}

/** `metadata`: pairs of texts; undefined = not given, '' = null. */
function readPairs(view: JsonView): Result<JsonText | undefined> {
  if (!view.given) return success(view.kind === 'null' ? '' : undefined)
  const pairs = [...view.members()]
  const good = view.kind === 'object' && pairs.length <= PAIRS && pairs.every(([name, value]) => name.length <= NAME_CHARACTERS && value.kind === 'string' && (value.string ?? '').length <= VALUE_CHARACTERS)
  if (!good) return failure(gatewayError('invalid-request', `"metadata" takes up to ${PAIRS} texts of ${VALUE_CHARACTERS} characters, under names of up to ${NAME_CHARACTERS}.`, { param: 'metadata' }))
  return success(minifyJson(Buffer.from(view.raw, 'latin1').toString('utf8')))
}
