import { utf8AsLatin1, writeJson } from '@headrace/bytes'
import type { Item } from '@headrace/contract'
import { Notes } from '../neutral/notes.ts'
import { encodeItems } from './encode-items.ts'
import { encodeSystem } from './encode-request.ts'

/** Items as the elements of `messages`, separated by commas; latin1. What the system says stands elsewhere; what this dialect has no words for (thoughts of others) is left out. */
export function renderMessages(items: readonly Item[]): string {
  return utf8AsLatin1(writeJson(encodeItems(items, true, new Notes('anthropic-messages')).messages).slice(1, -1))
}

/** What the system says, as `system`; latin1, '' = nothing. */
export function renderSystem(items: readonly Item[]): string {
  const system = encodeSystem(encodeItems(items, true, new Notes('anthropic-messages')).system)
  return system === undefined ? '' : utf8AsLatin1(writeJson(system))
}
