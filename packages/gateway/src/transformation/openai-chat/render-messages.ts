import { utf8AsLatin1, writeJson } from '@headrace/bytes'
import type { Item } from '@headrace/contract'
import { Notes } from '../neutral/notes.ts'
import { encodeItems } from './encode-items.ts'

/** Items as the elements of `messages`, separated by commas; latin1. What this dialect has no words for (signed thoughts) is left out. */
export function renderMessages(items: readonly Item[]): string {
  return utf8AsLatin1(writeJson(encodeItems(items, true, new Notes('openai-chat'))).slice(1, -1))
}
