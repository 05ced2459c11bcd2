import { JsonView, RawJson, type Writable } from '@headrace/bytes'
import type { FilePart, Item, JsonText, Part, Source } from '@headrace/contract'
import { InvalidRequest } from '../neutral/field-reader.ts'
import type { Notes } from '../neutral/notes.ts'

type Block = { readonly [name: string]: Writable }
export interface EncodedItems { readonly system: Block[], readonly messages: readonly Writable[] }

/** Ids there are of these characters, at most 64 of them. */
const NOT_ID = /[^A-Za-z0-9_-]/g

/**
 * Items as `system` and messages. Turns alternate: what one side says in a row is one message, so that the results of parallel calls stand in one
 * user turn, as they must.
 */
export function encodeItems(items: readonly Item[], notes: Notes): EncodedItems {
  const system: Block[] = []
  const messages: { readonly role: 'user' | 'assistant', readonly content: Writable[] }[] = []
  const add = (role: 'user' | 'assistant', blocks: readonly Writable[]): void => {
    if (blocks.length === 0) return
    const last = messages.at(-1)
    if (last?.role === role) last.content.push(...blocks)
    else messages.push({ role, content: [...blocks] })
  }
  for (const item of items) {
    switch (item.type) {
      case 'tool-call':
        add('assistant', [{ type: 'tool_use', id: toolId(item.id), name: item.name, input: new RawJson(objectText(item.input)), cache_control: marker(item.cache) }])
        break
      case 'tool-result':
        add('user', [{
          type: 'tool_result', tool_use_id: toolId(item.callId), content: encodeContent(item.parts, notes), is_error: item.isError ? true : undefined, cache_control: marker(item.cache),
        }])
        break
      case 'reasoning':
        add('assistant', encodeReasoning(item, notes))
        break
      case 'message':
        if (item.name !== '') notes.drop('name')
        if (item.role !== 'system') add(item.role, encodeParts(item.parts, notes))
        else {
          if (messages.length > 0) notes.approximate('systemPosition', 'moved to the front')
          for (const part of item.parts) if (part.type === 'text' && part.text !== '') system.push(encodeText(part))
        }
    }
  }
  return { system, messages: messages.map(message => ({ role: message.role, content: simplify(message.content) })) }
}

/** A JSON object's text; anything else a model may have written becomes one. */
export function objectText(input: JsonText): JsonText {
  if (input.trim() === '') return '{}'
  return JsonView.parse(input)?.kind === 'object' ? input : `{"input":${JSON.stringify(input)}}`
}

const toolId = (id: string): string => id.replace(NOT_ID, '_')
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
  const blocks = encodeParts(parts, notes)
  return blocks.length === 0 ? undefined : simplify(blocks)
}

const encodeText = (part: Extract<Part, { type: 'text' }>): Block =>
  ({ type: 'text', text: part.text, cache_control: marker(part.cache), citations: part.citations === null ? undefined : new RawJson(part.citations) })

const encodeParts = (parts: readonly Part[], notes: Notes): Writable[] => parts.flatMap(part => encodePart(part, notes))

function encodePart(part: Part, notes: Notes): Writable[] {
  switch (part.type) {
    // Empty texts are refused there.
    case 'text': return part.text === '' ? [] : [encodeText(part)]
    case 'refusal':
      notes.approximate('refusal', 'a text')
      return part.text === '' ? [] : [{ type: 'text', text: part.text }]
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
