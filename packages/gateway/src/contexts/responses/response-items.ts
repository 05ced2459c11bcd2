import { JsonView, minifyJson, utf8AsLatin1 } from '@headrace/bytes'
import { failure, gatewayError, success, type Result, type StoredItem } from '@headrace/contract'
import { itemId } from './response-ids.ts'
import { COMPACTION_SEAL, unsealCompaction } from './seal.ts'

/**
 * Items of responses and conversations are kept as the dialect says them, since that is what is given back: JSON without white space, in latin1, that begins with
 * its `id` and, of a thought, with who thought it. Neither goes to a model.
 */
export type ItemText = string

const ID = '{"id":"'
const PROVIDER = '"headrace_provider":'
const PLAIN_ID = /^[A-Za-z0-9_-]{1,128}$/
/** What people read. */
/** Deeper than texts stand. */
const TEXT_DEPTH = 8
const TEXT_MEMBERS: ReadonlySet<string> = new Set(['text', 'refusal', 'arguments', 'output', 'name', 'input'])

/** `input` of a request: a text, or items, which get ids where they have none. `key`: of the response, or the conversation. Latin1. */
export function inputItems(view: JsonView, key: string, mark = 'i'): Result<readonly ItemText[]> {
  if (!view.given) return success([])
  if (view.kind === 'string') return success([`${ID}${itemId('message', key, `${mark}0`)}","type":"message","role":"user","content":[{"type":"input_text","text":${view.raw}}]}`])
  if (view.kind !== 'array') return failure(gatewayError('invalid-request', '"input" must be a string or a list of items.', { param: 'input' }))
  const items: ItemText[] = []
  for (const [index, element] of view.elements().entries()) {
    if (element.kind !== 'object') return failure(gatewayError('invalid-request', `"input[${index}]" must be an object.`, { param: `input[${index}]` }))
    items.push(withId(element, itemId(typeOf(element), key, `${mark}${index}`)))
  }
  return success(items)
}

const typeOf = (item: JsonView): string => item.get('type').string ?? 'message'

/** The item with its id first; `id`: where it has none that is fit. */
function withId(item: JsonView, id: string): ItemText {
  const own = item.get('id').string ?? ''
  return ownId(item, PLAIN_ID.test(own) ? own : id)
}

/** The item under this id. `provider`: who thought it, where it is a sealed thought. */
export function ownId(item: JsonView, id: string, provider = ''): ItemText {
  let text = `${ID}${id}"`
  if (provider !== '' && item.get('encrypted_content').given) text += `,${PROVIDER}${JSON.stringify(provider)}`
  if (!item.get('type').given) text += ',"type":"message"'
  for (const [name, member] of item.members()) {
    if (name === 'id' || name === 'headrace_provider' || (name === 'type' && !member.given)) continue
    text += `,${JSON.stringify(name)}:${name === 'content' && member.kind === 'string' ? contentOf(item, member) : member.raw}`
  }
  return minifyJson(`${text}}`)
}

/** Texts are lists of one part where they are kept. */
function contentOf(item: JsonView, text: JsonView): string {
  return item.get('role').string === 'assistant' ? `[{"type":"output_text","text":${text.raw},"annotations":[]}]` : `[{"type":"input_text","text":${text.raw}}]`
}

export const idOf = (item: ItemText): string => item.slice(ID.length, item.indexOf('"', ID.length))

const THOUGHT = '"type":"reasoning"'

/**
 * The item as a model is asked with it; '' = it is left out: a thought that is not sealed, or that another provider sealed. `provider`: whose thoughts are
 * understood as they are; null = thoughts are told apart later, by their dialect.
 */
export function promptItem(item: ItemText, provider: string | null): string {
  let at = item.indexOf('"', ID.length) + 2
  let thinker = ''
  if (item.startsWith(PROVIDER, at)) {
    const end = JsonView.parse(item)?.get('headrace_provider').raw ?? ''
    thinker = JSON.parse(end) as string // it was written as a string
    at += PROVIDER.length + end.length + 1
  }
  const rest = `{${item.slice(at)}`
  if (rest.includes(COMPACTION_SEAL)) return summaryItem(rest)
  if (!rest.includes(THOUGHT)) return rest
  const view = JsonView.parse(rest)
  if (view?.get('type').string !== 'reasoning') return rest
  if (!view.get('encrypted_content').given) return ''
  return thinker !== '' && provider !== null && thinker !== provider ? '' : rest
}

/** A compaction of ours is said as what it is: a summary. Latin1. */
function summaryItem(rest: string): string {
  const view = JsonView.parse(rest)
  const summary = view?.get('type').string === 'compaction' ? unsealCompaction(view.get('encrypted_content').string ?? '') : null
  return summary === null ? rest : utf8AsLatin1(`{"type":"message","role":"user","content":[{"type":"input_text","text":${JSON.stringify(`Summary of the conversation so far:\n${summary}`)}}]}`)
}

/** The item as clients see it. */
export function shownItem(item: ItemText): string {
  const view = JsonView.parse(item)
  if (view === null) return item
  const members = view.members()
  const status = members.has('status') || !HAS_STATUS.has(typeOf(view)) ? '' : ',"status":"completed"'
  return `{${[...members].filter(([name]) => name !== 'headrace_provider').map(([name, member]) => `${JSON.stringify(name)}:${member.raw}`).join()}${status}}`
}

const HAS_STATUS: ReadonlySet<string> = new Set(['message', 'function_call', 'function_call_output', 'custom_tool_call', 'custom_tool_call_output'])

export function storedText(item: ItemText): StoredItem {
  const bytes = Buffer.from(item, 'latin1')
  const found: string[] = []
  readTexts(JSON.parse(bytes.toString('utf8')), found, TEXT_DEPTH)
  return { bytes, text: found.join('\n') }
}

function readTexts(value: unknown, found: string[], depth: number): void {
  if (typeof value !== 'object' || value === null || depth === 0) return
  for (const [name, member] of Object.entries(value)) {
    if (typeof member === 'string' && TEXT_MEMBERS.has(name)) found.push(member)
    else readTexts(member, found, depth - 1)
  }
}
