import type { JsonView } from '@headrace/bytes'
import type { Item, JsonText, MessageItem, Part, Source } from '@headrace/contract'
import { InvalidRequest, needText, noteUnheld, readFlag, readList, readRaw, readText } from '../neutral/field-reader.ts'
import { untagOpaque } from '../neutral/opaque-tag.ts'

/** Members of a document that are modelled. */
const DOCUMENT: ReadonlySet<string> = new Set(['type', 'source', 'title', 'cache_control'])

const MESSAGE: ReadonlySet<string> = new Set(['role', 'content'])
/** Members of blocks that are held. */
const BLOCKS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['tool_use', new Set(['type', 'id', 'name', 'input', 'cache_control'])], ['tool_result', new Set(['type', 'tool_use_id', 'content', 'is_error', 'cache_control'])],
  ['thinking', new Set(['type', 'thinking', 'signature'])], ['redacted_thinking', new Set(['type', 'data'])],
])
const PARTS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['text', new Set(['type', 'text', 'cache_control', 'citations'])], ['image', new Set(['type', 'source', 'cache_control'])],
])

/** The parts of a `content` or `system`: a string, or blocks. */
export function decodeBlocks(view: JsonView, path: string, unheld: Set<string>): readonly Part[] {
  if (!view.given) return []
  const text = view.string
  if (text !== null) return text === '' ? [] : [{ type: 'text', text, cache: null, citations: null }]
  return readList(view, path).map((block, index) => decodePart(block, `${path}[${index}]`, unheld))
}

/** One message of Messages as the items it stands for, in their order. */
export function decodeMessage(view: JsonView, path: string, unheld: Set<string>): Item[] {
  noteUnheld(view, MESSAGE, 'messages[]', unheld)
  const role = needText(view.get('role'), `${path}.role`)
  if (role !== 'user' && role !== 'assistant' && role !== 'system') throw new InvalidRequest(`"${path}.role" must be "user" or "assistant".`, `${path}.role`)
  const content = view.get('content')
  if (content.kind === 'string') return [{ type: 'message', role, name: '', parts: decodeBlocks(content, path, unheld) }]
  const items: Item[] = []
  let parts: Part[] = []
  const close = (): void => {
    if (parts.length > 0) items.push({ type: 'message', role, name: '', parts } satisfies MessageItem)
    parts = []
  }
  for (const [index, block] of readList(content, `${path}.content`).entries()) {
    const where = `${path}.content[${index}]`
    const item = decodeItem(block, where, unheld)
    if (item === null) parts.push(decodePart(block, where, unheld))
    else {
      close()
      items.push(item)
    }
  }
  close()
  return items
}

/** Blocks that are items of their own; null = a part of a message. */
function decodeItem(view: JsonView, path: string, unheld: Set<string>): Item | null {
  const kind = view.get('type').string ?? ''
  const known = BLOCKS.get(kind)
  if (known !== undefined) noteUnheld(view, known, 'messages[].content[]', unheld)
  const cache = readRaw(view.get('cache_control'))
  switch (kind) {
    case 'tool_use':
      return { type: 'tool-call', id: needText(view.get('id'), `${path}.id`), name: needText(view.get('name'), `${path}.name`), input: readRaw(view.get('input')) ?? '', cache }
    case 'tool_result':
      return {
        type: 'tool-result', callId: needText(view.get('tool_use_id'), `${path}.tool_use_id`), parts: decodeBlocks(view.get('content'), `${path}.content`, unheld),
        isError: readFlag(view.get('is_error'), `${path}.is_error`) ?? false, cache,
      }
    case 'thinking': {
      const signature = readText(view.get('signature'), `${path}.signature`)
      return { type: 'reasoning', text: readText(view.get('thinking'), `${path}.thinking`), opaque: signature === '' ? null : untagOpaque('anthropic-messages', 'signature', signature) }
    }
    case 'redacted_thinking':
      return { type: 'reasoning', text: '', opaque: untagOpaque('anthropic-messages', 'redacted', needText(view.get('data'), `${path}.data`)) }
    default: return null
  }
}

function decodePart(view: JsonView, path: string, unheld: Set<string>): Part {
  const kind = needText(view.get('type'), `${path}.type`)
  const known = PARTS.get(kind)
  if (known !== undefined) noteUnheld(view, known, 'messages[].content[]', unheld)
  const cache = readRaw(view.get('cache_control'))
  switch (kind) {
    case 'text': return { type: 'text', text: needText(view.get('text'), `${path}.text`), cache, citations: readRaw(view.get('citations')) }
    case 'image': return { type: 'image', source: decodeSource(view.get('source'), `${path}.source`) ?? unknownSource(path), detail: '', cache }
    case 'document': {
      const source = decodeSource(view.get('source'), `${path}.source`)
      if (source === null) return { type: 'foreign', dialect: 'anthropic-messages', kind, raw: view.raw }
      const settings = new Map<string, JsonText>()
      for (const [name, member] of view.members()) if (!DOCUMENT.has(name)) settings.set(name, member.raw)
      return { type: 'file', source, name: readText(view.get('title'), `${path}.title`), cache, settings }
    }
    default: return { type: 'foreign', dialect: 'anthropic-messages', kind, raw: view.raw }
  }
}

function unknownSource(path: string): never {
  throw new InvalidRequest(`"${path}.source.type" must be "base64", "url" or "file".`, `${path}.source.type`)
}

/** Null = a kind that only this dialect has. */
function decodeSource(view: JsonView, path: string): Source | null {
  switch (view.get('type').string) {
    case 'base64': return { kind: 'base64', mediaType: needText(view.get('media_type'), `${path}.media_type`), data: needText(view.get('data'), `${path}.data`) }
    case 'url': return { kind: 'url', url: needText(view.get('url'), `${path}.url`) }
    case 'text': return { kind: 'text', text: needText(view.get('data'), `${path}.data`) }
    case 'file': return { kind: 'file-id', id: needText(view.get('file_id'), `${path}.file_id`) }
    default: return null
  }
}
