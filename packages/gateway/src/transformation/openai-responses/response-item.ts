import { RawJson, type Writable } from '@headrace/bytes'
import type { DialectId } from '@headrace/contract'
import type { FoldedItem } from '../neutral/answer-fold.ts'
import { tagOpaque } from '../neutral/opaque-tag.ts'

export type ItemKind = 'text' | 'refusal' | 'reasoning' | 'tool' | 'custom'
export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

/** What ids of its items begin with. */
export const ID_PREFIXES = Object.freeze({ text: 'msg', refusal: 'msg', reasoning: 'rs', tool: 'fc', custom: 'ctc' } as const satisfies Record<ItemKind, string>)

/** One item of the output while it grows. Each text is a message of its own. */
export interface ResponseItem {
  readonly kind: ItemKind
  readonly id: string
  readonly index: number
  /** Of a call. */
  readonly callId: string
  readonly name: string
  text: string
  /** Thoughts, sealed; '' = none. */
  sealed: string
  readonly logprobs: unknown[]
  /** Left out = it is ours from its beginning. */
  readonly sent?: SentItem
}

/** What an answer that broke off said of an item before, so that another answer can go on with it. */
export interface SentItem {
  /** The item as it was added; of one that is over, as it ended. */
  readonly members: Readonly<Record<string, unknown>>
  /** Its parts that are over, in the order of their indexes. */
  readonly before: readonly unknown[]
  /** Of the part that grows. */
  readonly annotations: readonly unknown[]
  /** That part was announced; all that it says was said; the item is over. */
  partBegun: boolean
  readonly partOver: boolean
  readonly over: boolean
  /** Thoughts that are told as they are, and no summary of them. */
  readonly plainThoughts: boolean
}

/** The index of the part that grows. */
export const partIndex = ({ sent }: ResponseItem): number => sent === undefined ? 0 : sent.before.length

/** A blob of any vendor, in the field that this one has for it. */
export const sealedText = (dialect: DialectId, kind: 'signature' | 'redacted', data: string): string => tagOpaque('openai-responses', { dialect, kind, data })

/** A content part of a message. */
export function partOf(item: ResponseItem): Writable {
  if (item.kind === 'refusal') return { type: 'refusal', refusal: item.text }
  return { type: 'output_text', text: item.text, annotations: json(item.sent?.annotations ?? []), logprobs: json(item.logprobs) }
}

const json = (value: unknown): RawJson => new RawJson(JSON.stringify(value))

/** `in_progress` = it begins, and is empty. */
export function itemObject(item: ResponseItem, status: ItemStatus): Writable {
  const begins = status === 'in_progress'
  if (item.sent !== undefined) return sentObject(item, item.sent, status)
  switch (item.kind) {
    case 'text':
    case 'refusal': return { id: item.id, type: 'message', status, role: 'assistant', content: begins ? [] : [partOf(item)] }
    case 'tool': return { id: item.id, type: 'function_call', status, call_id: item.callId, name: item.name, arguments: begins ? '' : argumentsOf(item) }
    case 'custom': return { id: item.id, type: 'custom_tool_call', status, call_id: item.callId, name: item.name, input: begins ? '' : item.text }
    case 'reasoning': return {
      id: item.id, type: 'reasoning', status, summary: item.text === '' ? [] : [{ type: 'summary_text', text: item.text }], encrypted_content: item.sealed === '' ? undefined : item.sealed,
    }
  }
}

/** With the members that it began with. */
function sentObject(item: ResponseItem, { members, before, partBegun, over, plainThoughts }: SentItem, status: ItemStatus): Writable {
  if (over) return json(members)
  const told = Object.fromEntries(Object.entries(members).map(([name, value]) => [name, json(value)]))
  // Thoughts never go on. The vendor's own have no status.
  const head = item.kind !== 'reasoning' ? { ...told, status } : 'status' in members ? { ...told, status: 'incomplete' } : told
  switch (item.kind) {
    case 'text':
    case 'refusal': return { ...head, content: [...before.map(json), ...(partBegun ? [partOf(item)] : [])] }
    case 'tool': return { ...head, arguments: argumentsOf(item) }
    case 'custom': return { ...head, input: item.text }
    case 'reasoning': {
      const parts = [...before.map(json), ...(item.text === '' ? [] : [{ type: plainThoughts ? 'reasoning_text' : 'summary_text', text: item.text }])]
      return { ...head, [plainThoughts ? 'content' : 'summary']: parts }
    }
  }
}

/** A call without arguments has an empty object of them. */
export const argumentsOf = (item: ResponseItem): string => item.text === '' ? '{}' : item.text

/** An item of a whole answer. */
export function foldedItem({ kind, text, id, name, custom, signature, redacted, origin }: FoldedItem, index: number, idOf: (kind: ItemKind) => string, logprobs: unknown[]): ResponseItem {
  const own = kind === 'tool' && custom ? 'custom' : kind
  const data = signature || redacted
  const sealed = origin === null || data === '' ? '' : sealedText(origin, signature === '' ? 'redacted' : 'signature', data)
  return { kind: own, id: idOf(own), index, callId: id, name, text, sealed, logprobs }
}
