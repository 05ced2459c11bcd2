import { failure, gatewayError, success, type Result } from '@headrace/contract'
import { readCount } from '../native/read-fields.ts'
import { idOf, shownItem, type ItemText } from './response-items.ts'

const USUAL = 20
const MOST = 100

/** A page of items, oldest first in `items`; as the vendor lists them: newest first unless `order=asc`, from behind the item that `after` names. JSON text in latin1. */
export function listItems(items: readonly ItemText[], query: URLSearchParams): Result<string> {
  const limit = readCount(query, 'limit', USUAL, 1, MOST)
  if (!limit.ok) return limit
  const order = query.get('order') ?? 'desc', after = query.get('after')
  if (order !== 'asc' && order !== 'desc') return failure(gatewayError('invalid-request', '"order" must be "asc" or "desc".', { param: 'order' }))
  const ordered = order === 'asc' ? items : items.toReversed()
  const place = after === null ? -1 : ordered.findIndex(item => idOf(item) === after)
  if (after !== null && place === -1) return failure(gatewayError('invalid-request', 'There is no item of this id: "after" names an item of this list.', { param: 'after' }))
  const page = ordered.slice(place + 1, place + 1 + limit.value)
  return success(itemList(page, place + 1 + page.length < ordered.length))
}

/** Latin1. */
export function itemList(page: readonly ItemText[], more: boolean): string {
  const first = page[0], last = page.at(-1)
  const named = (item: ItemText | undefined): string => item === undefined ? 'null' : `"${idOf(item)}"`
  return `{"object":"list","data":[${page.map(shownItem).join()}],"first_id":${named(first)},"last_id":${named(last)},"has_more":${more}}`
}
