import type { JsonView } from '@headrace/bytes'
import type { DialectId, Item, MessageItem, Opaque, Part, ReasoningItem, Source, ToolCallItem } from '@headrace/contract'
import { InvalidRequest, needText, noteUnheld, readList, readRaw, readText, splitDataUrl } from '../neutral/field-reader.ts'

const NO_SETTINGS: ReadonlyMap<string, string> = new Map()

const MESSAGE: ReadonlySet<string> = new Set([
  'role', 'content', 'name', 'tool_calls', 'tool_call_id', 'function_call', 'refusal', 'audio', 'reasoning_content', 'reasoning_details', 'reasoning',
])

/** One message of Chat Completions as the items it stands for: an assistant's may hold thoughts, text and several tool calls. */
export function decodeMessage(view: JsonView, path: string, unheld: Set<string>): Item[] {
  noteUnheld(view, MESSAGE, 'messages[]', unheld)
  const role = needText(view.get('role'), `${path}.role`)
  switch (role) {
    case 'system':
    case 'developer': return [message(view, 'system', path)]
    case 'user': return [message(view, 'user', path)]
    case 'assistant': return assistant(view, path)
    case 'tool': return [toolResult(view, needText(view.get('tool_call_id'), `${path}.tool_call_id`), path)]
    // The older form: a function's result is told apart by its name.
    case 'function': return [toolResult(view, needText(view.get('name'), `${path}.name`), path)]
    default: throw new InvalidRequest(`"${path}.role" is not one of system, developer, user, assistant, tool.`, `${path}.role`)
  }
}

function message(view: JsonView, role: MessageItem['role'], path: string): MessageItem {
  return { type: 'message', role, name: readText(view.get('name'), `${path}.name`), parts: decodeContent(view.get('content'), `${path}.content`) }
}

const toolResult = (view: JsonView, callId: string, path: string): Item =>
  ({ type: 'tool-result', callId, parts: decodeContent(view.get('content'), `${path}.content`), isError: false, cache: null })

function assistant(view: JsonView, path: string): Item[] {
  const items: Item[] = decodeReasoning(view, path)
  const spoken = message(view, 'assistant', path)
  const refusal = readText(view.get('refusal'), `${path}.refusal`)
  const parts: Part[] = refusal === '' ? [...spoken.parts] : [...spoken.parts, { type: 'refusal', text: refusal }]
  if (view.get('audio').given) parts.push({ type: 'foreign', dialect: 'openai-chat', kind: 'audio', raw: view.get('audio').raw })
  const calls = readList(view.get('tool_calls'), `${path}.tool_calls`).map((call, index) => decodeCall(call, `${path}.tool_calls[${index}]`))
  const older = view.get('function_call')
  if (older.given) {
    const name = needText(older.get('name'), `${path}.function_call.name`)
    calls.push({ type: 'tool-call', id: name, name, input: readText(older.get('arguments'), `${path}.function_call.arguments`), cache: null })
  }
  if (parts.length > 0 || calls.length === 0) items.push({ ...spoken, parts })
  return [...items, ...calls]
}

function decodeCall(view: JsonView, path: string): ToolCallItem {
  const id = needText(view.get('id'), `${path}.id`)
  const custom = view.get('custom')
  if (custom.given) return { type: 'tool-call', id, name: needText(custom.get('name'), `${path}.custom.name`), input: readText(custom.get('input'), `${path}.custom.input`), cache: null, custom: true }
  const called = view.get('function')
  return { type: 'tool-call', id, name: needText(called.get('name'), `${path}.function.name`), input: readText(called.get('arguments'), `${path}.function.arguments`), cache: null }
}

/** `reasoning_details` carries signatures (as several gateways have it); `reasoning_content` only the readable thoughts (DeepSeek and others). */
function decodeReasoning(view: JsonView, path: string): ReasoningItem[] {
  const details = readList(view.get('reasoning_details'), `${path}.reasoning_details`)
  if (details.length > 0) return details.flatMap(decodeDetail)
  const text = readText(view.get('reasoning_content'), `${path}.reasoning_content`)
  return text === '' ? [] : [{ type: 'reasoning', text, opaque: null }]
}

function decodeDetail(view: JsonView): ReasoningItem[] {
  const dialect = DIALECT_OF_FORMAT.get(view.get('format').string ?? '')
  const opaque = (kind: Opaque['kind'], data: string): Opaque | null => data === '' || dialect === undefined ? null : { provider: '', model: '', dialect, kind, data }
  const type = view.get('type').string
  if (type === 'reasoning.text') {
    return [{ type: 'reasoning', text: view.get('text').string ?? '', opaque: opaque('signature', view.get('signature').string ?? '') }]
  }
  const redacted = type === 'reasoning.encrypted' ? opaque('redacted', view.get('data').string ?? '') : null
  return redacted === null ? [] : [{ type: 'reasoning', text: '', opaque: redacted }]
}

/** Whose signatures these are, in `reasoning_details[].format`: the names that other gateways use. */
export const DETAIL_FORMATS = Object.freeze({
  'openai-chat': 'unknown', 'openai-responses': 'openai-responses-v1', 'anthropic-messages': 'anthropic-claude-v1', 'google-gemini': 'google-gemini-v1', 'ollama-chat': 'unknown',
} as const satisfies Record<DialectId, string>)
const DIALECT_OF_FORMAT: ReadonlyMap<string, DialectId> = new Map((['openai-responses', 'anthropic-messages', 'google-gemini'] as const).map(dialect => [DETAIL_FORMATS[dialect], dialect]))

function decodeContent(view: JsonView, path: string): readonly Part[] {
  if (!view.given) return []
  const text = view.string
  if (text !== null) return text === '' ? [] : [{ type: 'text', text, cache: null, citations: null }]
  return readList(view, path).map((part, index) => decodePart(part, `${path}[${index}]`))
}

function decodePart(view: JsonView, path: string): Part {
  const kind = needText(view.get('type'), `${path}.type`)
  const cache = readRaw(view.get('cache_control'))
  switch (kind) {
    case 'text': return { type: 'text', text: needText(view.get('text'), `${path}.text`), cache, citations: null }
    case 'refusal': return { type: 'refusal', text: needText(view.get('refusal'), `${path}.refusal`) }
    case 'image_url': {
      const image = view.get('image_url')
      return { type: 'image', source: urlSource(needText(image.get('url'), `${path}.image_url.url`)), detail: readText(image.get('detail'), `${path}.image_url.detail`), cache }
    }
    case 'input_audio': {
      const audio = view.get('input_audio')
      return { type: 'audio', format: needText(audio.get('format'), `${path}.input_audio.format`), data: needText(audio.get('data'), `${path}.input_audio.data`) }
    }
    case 'file': return { type: 'file', source: fileSource(view.get('file'), `${path}.file`), name: readText(view.get('file').get('filename'), `${path}.file.filename`), cache, settings: NO_SETTINGS }
    default: return { type: 'foreign', dialect: 'openai-chat', kind, raw: view.raw }
  }
}

function urlSource(url: string): Source {
  const data = splitDataUrl(url)
  return data === null ? { kind: 'url', url } : { kind: 'base64', ...data }
}

function fileSource(view: JsonView, path: string): Source {
  const id = readText(view.get('file_id'), `${path}.file_id`)
  if (id !== '') return { kind: 'file-id', id }
  const data = needText(view.get('file_data'), `${path}.file_data`)
  return data.startsWith('data:') ? urlSource(data) : { kind: 'base64', mediaType: 'application/pdf', data }
}
