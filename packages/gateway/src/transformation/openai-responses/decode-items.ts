import type { JsonView } from '@headrace/bytes'
import type { Item, MessageItem, Part, ReasoningItem, Source } from '@headrace/contract'
import { InvalidRequest, needText, noteUnheld, readList, readText, splitDataUrl } from '../neutral/field-reader.ts'
import { untagOpaque } from '../neutral/opaque-tag.ts'

const NO_SETTINGS: ReadonlyMap<string, string> = new Map()
/** `id` and `status` say what the vendor did with an item before: they ask for nothing. */
const HELD: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['message', new Set(['type', 'id', 'status', 'role', 'content'])],
  ['function_call', new Set(['type', 'id', 'status', 'call_id', 'name', 'arguments'])], ['function_call_output', new Set(['type', 'id', 'status', 'call_id', 'output'])],
  ['custom_tool_call', new Set(['type', 'id', 'status', 'call_id', 'name', 'input'])], ['custom_tool_call_output', new Set(['type', 'id', 'status', 'call_id', 'output'])],
  ['reasoning', new Set(['type', 'id', 'status', 'summary', 'content', 'encrypted_content'])],
])
const PARTS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['input_text', new Set(['type', 'text'])], ['output_text', new Set(['type', 'text'])], ['text', new Set(['type', 'text'])], ['refusal', new Set(['type', 'refusal'])],
  ['input_image', new Set(['type', 'image_url', 'file_id', 'detail'])], ['input_file', new Set(['type', 'file_data', 'file_url', 'file_id', 'filename'])],
])
/** Items that stand for something only their vendor holds: without it the conversation is another one. */
const STATE: ReadonlySet<string> = new Set(['item_reference', 'compaction', 'compaction_trigger'])

const THOUGHT_ID = /^rs_/

/** `input`: a string, or items. */
export function decodeInput(view: JsonView, unheld: Set<string>): readonly Item[] {
  const text = view.string
  if (text !== null) return [{ type: 'message', role: 'user', name: '', parts: [{ type: 'text', text, cache: null, citations: null }] }]
  if (view.kind !== 'array') throw new InvalidRequest('"input" must be a string or a list of items.', 'input')
  return view.elements().map((item, index) => decodeItem(item, `input[${index}]`, unheld))
}

function decodeItem(view: JsonView, path: string, unheld: Set<string>): Item {
  // A message need not say that it is one.
  const kind = readText(view.get('type'), `${path}.type`) || 'message'
  const held = HELD.get(kind)
  if (held !== undefined) noteUnheld(view, held, 'input[]', unheld)
  const callId = (): string => needText(view.get('call_id'), `${path}.call_id`)
  const name = (): string => needText(view.get('name'), `${path}.name`)
  switch (kind) {
    case 'message': return decodeMessage(view, path, unheld)
    case 'function_call': return { type: 'tool-call', id: callId(), name: name(), input: needText(view.get('arguments'), `${path}.arguments`), cache: null }
    case 'custom_tool_call': return { type: 'tool-call', id: callId(), name: name(), input: needText(view.get('input'), `${path}.input`), cache: null, custom: true }
    case 'function_call_output':
    case 'custom_tool_call_output': return { type: 'tool-result', callId: callId(), parts: decodeContent(view.get('output'), `${path}.output`, unheld), isError: false, cache: null }
    case 'reasoning': return decodeReasoning(view, path)
    default:
      // A thought that stands only by its name: it is as lost as one that nobody can unseal, and the conversation goes on without it.
      if (kind === 'item_reference' && THOUGHT_ID.test(view.get('id').string ?? '')) return { type: 'reasoning', text: '', opaque: null }
      if (STATE.has(kind)) throw new InvalidRequest(`"${path}" is of type ${kind}, whose content only the vendor holds. Send the conversation itself (clients do with "store": false), or name a model whose provider speaks Responses.`, path)
      return { type: 'foreign', dialect: 'openai-responses', kind, raw: view.raw }
  }
}

function decodeMessage(view: JsonView, path: string, unheld: Set<string>): MessageItem {
  const role = needText(view.get('role'), `${path}.role`)
  if (role !== 'user' && role !== 'assistant' && role !== 'system' && role !== 'developer') {
    throw new InvalidRequest(`"${path}.role" must be "user", "assistant", "system" or "developer".`, `${path}.role`)
  }
  return { type: 'message', role: role === 'developer' ? 'system' : role, name: '', parts: decodeContent(view.get('content'), `${path}.content`, unheld) }
}

/** Readable thoughts: the summary, or where there is none the thoughts themselves. */
function decodeReasoning(view: JsonView, path: string): ReasoningItem {
  const texts = (name: string): string => readList(view.get(name), `${path}.${name}`).map((part, index) => needText(part.get('text'), `${path}.${name}[${index}].text`)).join('\n\n')
  const text = texts('summary') || texts('content')
  const data = readText(view.get('encrypted_content'), `${path}.encrypted_content`)
  return { type: 'reasoning', text, opaque: data === '' ? null : untagOpaque('openai-responses', text === '' ? 'redacted' : 'signature', data) }
}

function decodeContent(view: JsonView, path: string, unheld: Set<string>): readonly Part[] {
  if (!view.given) return []
  const text = view.string
  if (text !== null) return text === '' ? [] : [{ type: 'text', text, cache: null, citations: null }]
  return readList(view, path).map((part, index) => decodePart(part, `${path}[${index}]`, unheld))
}

function decodePart(view: JsonView, path: string, unheld: Set<string>): Part {
  const kind = needText(view.get('type'), `${path}.type`)
  const held = PARTS.get(kind)
  if (held !== undefined) noteUnheld(view, held, 'input[].content[]', unheld)
  switch (kind) {
    case 'input_text':
    case 'output_text':
    case 'text': return { type: 'text', text: needText(view.get('text'), `${path}.text`), cache: null, citations: null }
    case 'refusal': return { type: 'refusal', text: needText(view.get('refusal'), `${path}.refusal`) }
    case 'input_image': {
      const id = readText(view.get('file_id'), `${path}.file_id`)
      const source: Source = id === '' ? urlSource(needText(view.get('image_url'), `${path}.image_url`)) : { kind: 'file-id', id }
      return { type: 'image', source, detail: readText(view.get('detail'), `${path}.detail`), cache: null }
    }
    case 'input_file': return { type: 'file', source: fileSource(view, path), name: readText(view.get('filename'), `${path}.filename`), cache: null, settings: NO_SETTINGS }
    case 'input_audio': {
      const audio = view.get('input_audio')
      return { type: 'audio', format: needText(audio.get('format'), `${path}.input_audio.format`), data: needText(audio.get('data'), `${path}.input_audio.data`) }
    }
    default: return { type: 'foreign', dialect: 'openai-responses', kind, raw: view.raw }
  }
}

function urlSource(url: string): Source {
  const data = splitDataUrl(url)
  return data === null ? { kind: 'url', url } : { kind: 'base64', ...data }
}

function fileSource(view: JsonView, path: string): Source {
  const id = readText(view.get('file_id'), `${path}.file_id`)
  if (id !== '') return { kind: 'file-id', id }
  const url = readText(view.get('file_url'), `${path}.file_url`)
  if (url !== '') return urlSource(url)
  const data = needText(view.get('file_data'), `${path}.file_data`)
  return data.startsWith('data:') ? urlSource(data) : { kind: 'base64', mediaType: 'application/pdf', data }
}
