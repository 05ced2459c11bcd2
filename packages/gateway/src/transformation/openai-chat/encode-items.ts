import { RawJson, type Writable } from '@headrace/bytes'
import type { FilePart, Item, Part, ProviderQuirks, Source, ToolCallItem, ToolResultItem } from '@headrace/contract'
import { InvalidRequest } from '../neutral/field-reader.ts'
import { argumentsOfText } from '../neutral/custom-tools.ts'
import type { Notes } from '../neutral/notes.ts'

/** One assistant message while it gathers what belongs to it. */
interface Turn { readonly parts: Part[], readonly calls: ToolCallItem[], name: string, thoughts: string }

/**
 * Items as messages. What an assistant said and called in one go is one message, because tool results must follow the message that holds their
 * calls at once. `own`: they come from a client of this dialect. `told`: where the target's provider has its thoughts.
 */
export function encodeItems(items: readonly Item[], own: boolean, notes: Notes, told?: ProviderQuirks['thoughts']): Writable[] {
  const messages: Writable[] = []
  let turn: Turn | null = null
  /** Parts of tool results that a tool message cannot hold: they follow when all results are told. */
  let left: Part[] = []
  const close = (): void => {
    if (turn !== null && (turn.parts.length > 0 || turn.calls.length > 0)) messages.push(assistantMessage(turn, own, notes, told))
    else if (turn !== null) notes.drop('thoughts')
    turn = null
  }
  const flush = (): void => {
    if (left.length > 0) messages.push({ role: 'user', content: encodeContent(left, notes) })
    left = []
  }
  for (const item of items) {
    if (item.type !== 'tool-result') flush()
    if (item.type === 'reasoning') {
      if (told?.returns !== true || item.text === '') {
        notes.drop('thoughts')
        continue
      }
      const open: Turn | null = turn
      if (open !== null && (open as Turn).calls.length > 0) close()
      turn ??= { parts: [], calls: [], name: '', thoughts: '' }
      turn.thoughts += item.text
      continue
    }
    if (item.type === 'foreign') {
      notes.drop('foreignItem')
      continue
    }
    if (item.type === 'tool-call') {
      turn ??= { parts: [], calls: [], name: '', thoughts: '' }
      turn.calls.push(item)
    } else if (item.type === 'tool-result') {
      close()
      messages.push(toolMessage(item, notes, left))
    } else if (item.role === 'assistant') {
      const open: Turn | null = turn
      if (open !== null && (open as Turn).calls.length === 0 && (open as Turn).parts.length > 0) close()
      turn ??= { parts: [], calls: [], name: item.name, thoughts: '' }
      turn.parts.push(...item.parts)
    } else {
      close()
      messages.push({ role: item.role, content: encodeContent(item.parts, notes), name: item.name === '' ? undefined : item.name })
    }
  }
  close()
  flush()
  return messages
}

function assistantMessage(turn: Turn, own: boolean, notes: Notes, told: ProviderQuirks['thoughts']): Writable {
  const refusal = turn.parts.filter(part => part.type === 'refusal').map(part => part.text).join('')
  const spoken = turn.parts.filter(part => part.type !== 'refusal')
  const calls = turn.calls.map(call => {
    if (call.cache !== null) notes.drop('cache')
    if (call.custom === true && own) return { id: call.id, type: 'custom', custom: { name: call.name, input: call.input } }
    const input = call.custom === true ? argumentsOfText(call.input) : call.input
    return { id: call.id, type: 'function', function: { name: call.name, arguments: input === '' ? '{}' : input } }
  })
  return {
    role: 'assistant', content: spoken.length === 0 ? null : encodeContent(spoken, notes), name: turn.name === '' ? undefined : turn.name,
    refusal: refusal === '' ? undefined : refusal, ...(turn.thoughts === '' || told === undefined ? {} : { [told.member]: turn.thoughts }), tool_calls: calls.length === 0 ? undefined : calls,
  }
}

function toolMessage(item: ToolResultItem, notes: Notes, left: Part[]): Writable {
  if (item.isError) notes.drop('toolError')
  if (item.cache !== null) notes.drop('cache')
  const texts = item.parts.filter(part => part.type === 'text')
  const media = item.parts.filter(part => part.type !== 'text')
  if (media.length > 0) {
    notes.approximate('toolResultMedia', 'a user message after the results')
    left.push(...media)
  }
  return { role: 'tool', tool_call_id: item.callId, content: encodeContent(texts, notes) }
}

function encodeContent(parts: readonly Part[], notes: Notes): Writable {
  const only = parts[0]
  if (parts.length === 0) return ''
  if (parts.length === 1 && only?.type === 'text') return encodeText(only, notes)
  const encoded = encodeParts(parts, notes)
  return encoded.length === 0 ? '' : encoded
}

function encodeText(part: Extract<Part, { type: 'text' }>, notes: Notes): string {
  if (part.cache !== null) notes.drop('cache')
  if (part.citations !== null) notes.drop('citations')
  return part.text
}

const encodeParts = (parts: readonly Part[], notes: Notes): Writable[] => parts.flatMap(part => encodePart(part, notes))

function encodePart(part: Part, notes: Notes): Writable[] {
  switch (part.type) {
    case 'text': return [{ type: 'text', text: encodeText(part, notes) }]
    case 'refusal': return [{ type: 'refusal', refusal: part.text }]
    case 'audio': return [{ type: 'input_audio', input_audio: { format: part.format, data: part.data } }]
    case 'image':
      if (part.cache !== null) notes.drop('cache')
      return [{ type: 'image_url', image_url: { url: imageUrl(part.source), detail: part.detail === '' ? undefined : part.detail } }]
    case 'file': return [encodeFile(part, notes)]
    case 'foreign':
      if (part.dialect === 'openai-chat') return [new RawJson(part.raw)]
      notes.drop('foreignPart')
      return []
  }
}

function imageUrl(source: Source): string {
  if (source.kind === 'url') return source.url
  if (source.kind === 'base64') return `data:${source.mediaType};base64,${source.data}`
  throw new InvalidRequest('An image is named by a file id of another provider: send its bytes or its URL.', 'messages')
}

function encodeFile(part: FilePart, notes: Notes): Writable {
  if (part.cache !== null) notes.drop('cache')
  if (part.settings.size > 0) notes.drop('fileSettings')
  const { source } = part
  const filename = part.name === '' ? undefined : part.name
  if (source.kind === 'text') return { type: 'text', text: source.text }
  if (source.kind === 'base64') return { type: 'file', file: { filename: filename ?? 'document.pdf', file_data: `data:${source.mediaType};base64,${source.data}` } }
  if (source.kind === 'file-id') return { type: 'file', file: { file_id: source.id, filename } }
  throw new InvalidRequest('A document is given by its URL, which this model\'s provider does not fetch: send its bytes, or have the gateway fetch it (`relay.fetch_urls`).', 'messages')
}
