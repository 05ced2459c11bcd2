import { chainHead } from '@headrace/bytes'
import { EMPTY_HEAD, type ChainedItem, type ContextPlace, type StoredItem } from '@headrace/contract'

/** Items in the places that they take after this one. */
export function chainAfter({ seq, head }: ContextPlace, items: readonly StoredItem[]): ChainedItem[] {
  return items.map(({ bytes }) => ({ seq: ++seq, head: head = chainHead(head, bytes), bytes }))
}

export const NOWHERE: ContextPlace = Object.freeze({ seq: 0, head: EMPTY_HEAD })
