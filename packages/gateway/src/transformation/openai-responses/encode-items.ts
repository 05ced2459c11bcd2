import { RawJson, sha256Hex, type Writable } from '@headrace/bytes'
import type { FilePart, ImagePart, Item, MessageItem, Part, ReasoningItem, Source, ToolCallItem, ToolResultItem } from '@headrace/contract'
import { argumentsOfText } from '../neutral/custom-tools.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import type { Notes } from '../neutral/notes.ts'

/** Characters of a call's id that are taken there. */
const CALL_ID_LIMIT = 64

/** Items as `input`. `customTools`: names of the custom tools that the request still has; calls of others go as calls of functions. */
export function encodeItems(items: readonly Item[], customTools: ReadonlySet<string>, notes: Notes): Writable[] {
  const customCalls = new Set<string>()
  return items.flatMap((item): Writable[] => {
    switch (item.type) {
      case 'message': return encodeMessage(item, notes)
      case 'tool-call': return [encodeCall(item, customTools, customCalls, notes)]
      case 'tool-result': return [encodeResult(item, customCalls, notes)]
      case 'reasoning': return encodeReasoning(item, notes)
      case 'foreign':
        if (item.dialect === 'openai-responses') return [new RawJson(item.raw)]
        notes.drop('foreignItem')
        return []
    }
  })
}

function encodeMessage(item: MessageItem, notes: Notes): Writable[] {
  if (item.name !== '') notes.drop('name')
  const { role, parts } = item
  const only = parts[0]
  if (parts.length === 1 && only?.type === 'text') return [{ role, content: textOf(only, notes) }]
  const content = role === 'assistant' ? encodeSaid(parts, notes) : encodeParts(parts, notes)
  // An assistant who said nothing is nobody.
  if (content.length === 0) return role === 'assistant' ? [] : [{ role, content: '' }]
  return [{ role, content }]
}

/** What the model said before: texts and refusals. */
function encodeSaid(parts: readonly Part[], notes: Notes): Writable[] {
  return parts.flatMap((part): Writable[] => {
    if (part.type === 'text') return [{ type: 'output_text', text: textOf(part, notes) }]
    if (part.type === 'refusal') return [{ type: 'refusal', refusal: part.text }]
    if (part.type === 'foreign' && part.dialect === 'openai-responses') return [new RawJson(part.raw)]
    notes.drop('foreignPart')
    return []
  })
}

function encodeCall(call: ToolCallItem, customTools: ReadonlySet<string>, customCalls: Set<string>, notes: Notes): Writable {
  if (call.cache !== null) notes.drop('cache')
  const call_id = callId(call.id)
  if (call.custom === true && customTools.has(call.name)) {
    customCalls.add(call.id)
    return { type: 'custom_tool_call', call_id, name: call.name, input: call.input }
  }
  const input = call.custom === true ? argumentsOfText(call.input) : call.input
  return { type: 'function_call', call_id, name: call.name, arguments: input === '' ? '{}' : input }
}

/** Longer ones are refused: their digest is as good, and the same for the call and its result. */
const callId = (id: string): string => id.length <= CALL_ID_LIMIT ? id : `call_${sha256Hex(id).slice(0, 32)}`

function encodeResult(item: ToolResultItem, customCalls: ReadonlySet<string>, notes: Notes): Writable {
  if (item.isError) notes.drop('toolError')
  if (item.cache !== null) notes.drop('cache')
  const type = customCalls.has(item.callId) ? 'custom_tool_call_output' : 'function_call_output'
  return { type, call_id: callId(item.callId), output: encodeOutput(item.parts, notes) }
}

/** Texts alone are one text. */
function encodeOutput(parts: readonly Part[], notes: Notes): Writable {
  const only = parts[0]
  if (parts.length === 0) return ''
  if (parts.length === 1 && only?.type === 'text') return textOf(only, notes)
  const encoded = encodeParts(parts, notes)
  return encoded.length === 0 ? '' : encoded
}

/** Thoughts go back to the vendor that can read them. */
function encodeReasoning({ text, opaque }: ReasoningItem, notes: Notes): Writable[] {
  if (opaque === null || opaque.dialect !== 'openai-responses') {
    notes.drop('thoughts')
    return []
  }
  return [{ type: 'reasoning', summary: text === '' ? [] : [{ type: 'summary_text', text }], encrypted_content: opaque.data }]
}

function textOf(part: Extract<Part, { type: 'text' }>, notes: Notes): string {
  if (part.cache !== null) notes.drop('cache')
  if (part.citations !== null) notes.drop('citations')
  return part.text
}

const encodeParts = (parts: readonly Part[], notes: Notes): Writable[] => parts.flatMap(part => encodePart(part, notes))

function encodePart(part: Part, notes: Notes): Writable[] {
  switch (part.type) {
    case 'text': return [{ type: 'input_text', text: textOf(part, notes) }]
    case 'refusal':
      notes.approximate('refusal', 'a text')
      return [{ type: 'input_text', text: part.text }]
    case 'audio': throw new InvalidRequest('The model that this request goes to takes no audio. Send a transcript, or name another model.', 'messages')
    case 'image': return [encodeImage(part, notes)]
    case 'file': return [encodeFile(part, notes)]
    case 'foreign':
      if (part.dialect === 'openai-responses') return [new RawJson(part.raw)]
      notes.drop('foreignPart')
      return []
  }
}

function encodeImage({ source, detail, cache }: ImagePart, notes: Notes): Writable {
  if (cache !== null) notes.drop('cache')
  const shown = { detail: detail === '' ? 'auto' : detail }
  if (source.kind === 'text') throw new InvalidRequest('An image cannot be a text.', 'messages')
  return source.kind === 'file-id' ? { type: 'input_image', file_id: source.id, ...shown } : { type: 'input_image', image_url: urlOf(source), ...shown }
}

function encodeFile(part: FilePart, notes: Notes): Writable {
  if (part.cache !== null) notes.drop('cache')
  if (part.settings.size > 0) notes.drop('fileSettings')
  const { source } = part
  const filename = part.name === '' ? undefined : part.name
  switch (source.kind) {
    case 'text': return { type: 'input_text', text: source.text }
    case 'url': return { type: 'input_file', file_url: source.url }
    case 'file-id': return { type: 'input_file', file_id: source.id }
    case 'base64': return { type: 'input_file', filename: filename ?? 'document.pdf', file_data: urlOf(source) }
  }
}

const urlOf = (source: Extract<Source, { kind: 'url' | 'base64' }>): string => source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`
