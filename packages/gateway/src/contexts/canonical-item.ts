import { minifyJson } from '@headrace/bytes'
import type { Item, JsonText, Part, StoredItem } from '@headrace/contract'

/** Members whose text is JSON that is only carried, in whatever white space its sender liked. */
const CARRIED: ReadonlySet<string> = new Set(['input', 'cache', 'citations', 'raw'])

/**
 * An item as contexts keep it: JSON with its members in the order of their names, texts as they came (no Unicode normalisation), carried JSON without white
 * space between its tokens, its key order and its numbers as they were. Equal items, equal bytes.
 */
export function storedItem(item: Item): StoredItem {
  return { bytes: Buffer.from(canonicalText(item)), text: textOf(item) }
}

/** The item whose canonical bytes these are. */
export function itemOf(bytes: Buffer): Item {
  return JSON.parse(bytes.toString('utf8'), (name, value: unknown) => name === 'settings' ? new Map(value as readonly (readonly [string, JsonText])[]) : value) as Item // only `storedItem` wrote it
}

function canonicalText(value: unknown, name = ''): string {
  if (typeof value === 'string') return JSON.stringify(CARRIED.has(name) ? minifyJson(value) : value)
  if (Array.isArray(value)) return `[${value.map(element => canonicalText(element)).join()}]`
  if (value instanceof Map) return `[${[...value].map(([key, raw]) => `[${JSON.stringify(key)},${JSON.stringify(minifyJson(String(raw)))}]`).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, member]) => `${JSON.stringify(key)}:${canonicalText(member, key)}`).join()}}`
}

/** What people read of it. */
function textOf(item: Item): string {
  switch (item.type) {
    case 'message': return textOfParts(item.parts)
    case 'tool-call': return `${item.name} ${item.input}`
    case 'tool-result': return textOfParts(item.parts)
    case 'reasoning': return item.text
    case 'foreign': return ''
  }
}

const textOfParts = (parts: readonly Part[]): string => parts.flatMap(part => part.type === 'text' || part.type === 'refusal' ? [part.text] : []).join('\n')
