import { JsonView, RawJson, type Writable } from '@headrace/bytes'
import type { FilePart, Item, JsonText, Part, Source } from '@headrace/contract'
import { argumentsOfText } from '../neutral/custom-tools.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import type { Notes } from '../neutral/notes.ts'
import { CallIds } from './call-ids.ts'

type Block = { readonly [name: string]: Writable }
export interface EncodedItems {
  readonly system: Block[]
  readonly messages: readonly Writable[]
  /** A model may not think on the way through a tool call without the thoughts that led to it, nor in the middle of an answer. */
  readonly mayThink: boolean
}

interface Message { readonly role: 'user' | 'assistant', readonly content: Writable[] }

const BEFORE = '(The conversation so far.)'

/**
 * Items as `system` and messages. Turns alternate: what one side says in a row is one message, so that the results of parallel calls stand in one
 * user turn, as they must. `own`: the client speaks this dialect, and its words are left as they are.
 */
export function encodeItems(items: readonly Item[], own: boolean, notes: Notes): EncodedItems {
  const system: Block[] = []
  const messages: Message[] = []
  const ids = new CallIds()
  const add = (role: 'user' | 'assistant', blocks: readonly Writable[]): void => {
    if (blocks.length === 0) return
    const last = messages.at(-1)
    if (last?.role === role) last.content.push(...blocks)
    else messages.push({ role, content: [...blocks] })
  }
  for (const item of items) {
    switch (item.type) {
      case 'tool-call':
        add('assistant', [{
          type: 'tool_use', id: ids.begin(item.id), name: item.name, input: new RawJson(item.custom === true ? argumentsOfText(item.input) : objectText(item.input)), cache_control: marker(item.cache),
        }])
        break
      case 'tool-result':
        addResult(messages, {
          type: 'tool_result', tool_use_id: ids.of(item.callId), content: encodeContent(item.parts, notes), is_error: item.isError ? true : undefined, cache_control: marker(item.cache),
        })
        break
      case 'foreign':
        notes.drop('foreignItem')
        break
      case 'reasoning':
        add('assistant', encodeReasoning(item, notes))
        break
      case 'message':
        if (item.name !== '') notes.drop('name')
        if (item.role !== 'system') add(item.role, encodeParts(item.parts, own, notes))
        else {
          if (messages.length > 0) notes.approximate('systemPosition', 'moved to the front')
          for (const part of item.parts) if (part.type === 'text' && says(part.text, own)) system.push(encodeText(part))
        }
    }
  }
  if (!own) {
    openWithUser(system, messages, notes)
    const last = messages.at(-1)
    if (last?.role === 'assistant') trimEnd(last.content)
  }
  return { system, mayThink: mayThink(messages), messages: messages.map(message => ({ role: message.role, content: simplify(message.content) })) }
}

/** A conversation begins with the user there: with what the system says where nobody else speaks, or with a word that stands for what came before. */
function openWithUser(system: Block[], messages: Message[], notes: Notes): void {
  if (messages[0]?.role === 'user') return
  notes.approximate('systemPosition', 'a user message at the beginning')
  messages.unshift({ role: 'user', content: messages.length === 0 && system.length > 0 ? system.splice(0) : [{ type: 'text', text: BEFORE }] })
}

/** Results stand before everything else in their turn. */
function addResult(messages: Message[], result: Block): void {
  const last = messages.at(-1)
  if (last?.role !== 'user') messages.push({ role: 'user', content: [result] })
  else {
    const at = last.content.findIndex(block => typeOf(block) !== 'tool_result')
    last.content.splice(at < 0 ? last.content.length : at, 0, result)
  }
}

/** Texts of white space alone are refused there. */
const says = (text: string, own: boolean): boolean => own ? text !== '' : text.trim() !== ''

function mayThink(messages: readonly Message[]): boolean {
  const last = messages.at(-1)
  if (last?.role !== 'user') return false
  if (!last.content.some(block => typeOf(block) === 'tool_result')) return true
  const first = typeOf(messages.at(-2)?.content[0])
  return first === 'thinking' || first === 'redacted_thinking'
}

/** Of our own blocks; '' = a raw one. */
const typeOf = (block: Writable): Writable => block instanceof RawJson ? '' : (block as Block | undefined)?.['type']

/** The beginning of an answer may not end in white space there. */
function trimEnd(content: Writable[]): void {
  const last = content.at(-1) as Block | undefined // our own blocks, or raw ones
  if (last === undefined || last instanceof RawJson || typeof last['text'] !== 'string') return
  content[content.length - 1] = { ...last, text: last['text'].trimEnd() }
}

/** A JSON object's text; anything else a model may have written becomes one. */
export function objectText(input: JsonText): JsonText {
  if (input.trim() === '') return '{}'
  return JsonView.parse(input)?.kind === 'object' ? input : `{"input":${JSON.stringify(input)}}`
}

const marker = (cache: JsonText | null): Writable => cache === null ? undefined : new RawJson(cache)

/** One plain text needs no block. */
function simplify(content: readonly Writable[]): Writable {
  const only = content[0] as Block | undefined // our own blocks, or raw ones
  if (content.length !== 1 || only === undefined || only instanceof RawJson || only['type'] !== 'text') return content
  return only['cache_control'] === undefined && only['citations'] === undefined ? only['text'] : content
}

/** Thoughts without a signature are refused there. */
function encodeReasoning(item: Extract<Item, { type: 'reasoning' }>, notes: Notes): Writable[] {
  const { opaque } = item
  if (opaque === null || opaque.dialect !== 'anthropic-messages') {
    notes.drop('thoughts')
    return []
  }
  return [opaque.kind === 'redacted' ? { type: 'redacted_thinking', data: opaque.data } : { type: 'thinking', thinking: item.text, signature: opaque.data }]
}

function encodeContent(parts: readonly Part[], notes: Notes): Writable {
  // A tool may well answer with white space.
  const blocks = encodeParts(parts, true, notes)
  return blocks.length === 0 ? undefined : simplify(blocks)
}

const encodeText = (part: Extract<Part, { type: 'text' }>): Block =>
  ({ type: 'text', text: part.text, cache_control: marker(part.cache), citations: part.citations === null ? undefined : new RawJson(part.citations) })

const encodeParts = (parts: readonly Part[], own: boolean, notes: Notes): Writable[] => parts.flatMap(part => encodePart(part, own, notes))

function encodePart(part: Part, own: boolean, notes: Notes): Writable[] {
  switch (part.type) {
    case 'text': return says(part.text, own) ? [encodeText(part)] : []
    case 'refusal':
      notes.approximate('refusal', 'a text')
      return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text }]
    case 'audio': throw new InvalidRequest('The model that this request goes to takes no audio. Send a transcript, or name another model.', 'messages')
    case 'image':
      if (part.detail !== '' && part.detail !== 'auto') notes.drop('imageDetail')
      return [{ type: 'image', source: encodeSource(part.source), cache_control: marker(part.cache) }]
    case 'file': return [encodeFile(part)]
    case 'foreign':
      if (part.dialect === 'anthropic-messages') return [new RawJson(part.raw)]
      notes.drop('foreignPart')
      return []
  }
}

function encodeFile(part: FilePart): Writable {
  return {
    type: 'document', source: encodeSource(part.source), title: part.name === '' ? undefined : part.name, cache_control: marker(part.cache),
    ...Object.fromEntries([...part.settings].map(([name, raw]) => [name, new RawJson(raw)])),
  }
}

function encodeSource(source: Source): Writable {
  switch (source.kind) {
    case 'base64': return { type: 'base64', media_type: source.mediaType, data: source.data }
    case 'url': return { type: 'url', url: source.url }
    case 'text': return { type: 'text', media_type: 'text/plain', data: source.text }
    case 'file-id': return { type: 'file', file_id: source.id }
  }
}
