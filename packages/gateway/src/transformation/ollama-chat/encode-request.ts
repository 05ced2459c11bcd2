import { RawJson, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { failure, success, type Call, type EncodedRequest, type Item, type Part, type Result, type Target, type Tool } from '@headrace/contract'
import { asksNothing } from '../neutral/asks-nothing.ts'
import { functionOfCustom, argumentsOfText } from '../neutral/custom-tools.ts'
import { effortOfBudget } from '../neutral/effort-of-budget.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import { Notes } from '../neutral/notes.ts'
import { refuseCachedContent, refuseChoices, refuseLogprobs, refuseNothing } from '../neutral/refuse-unanswerable.ts'
import { asObject, parseJson } from '../relay/json-value.ts'

const LEVELS: ReadonlyMap<string, string> = new Map([['minimal', 'low'], ['low', 'low'], ['medium', 'medium'], ['high', 'high'], ['xhigh', 'high'], ['max', 'high']])

/** A neutral call as a request of Ollama's `/api/chat`. Errors: `invalid-request` where a part of a message cannot go there. */
export function encodeRequest(call: Call, target: Target): Result<EncodedRequest> {
  const notes = new Notes(call.dialect)
  try {
    const body = encode(call, target, notes)
    return success({ body: utf8AsLatin1(writeJson(body)), headers: '', notes: notes.list() })
  } catch (error) {
    if (error instanceof InvalidRequest) return failure(error.error)
    throw error
  }
}

function encode(call: Call, target: Target, notes: Notes): Writable {
  const own = call.dialect === 'ollama-chat'
  for (const field of call.unheld) notes.dropNamed(field)
  if (!own) noteRest(call, notes)
  const tools = call.toolChoice?.mode === 'none' ? [] : call.tools.flatMap(tool => encodeTool(tool, notes))
  const messages = encodeItems(call.items, notes)
  refuseNothing(call, messages.length)
  return {
    model: target.model, messages, stream: call.stream,
    tools: tools.length === 0 ? undefined : tools,
    format: encodeFormat(call),
    think: encodeThink(call, notes),
    options: encodeOptions(call, own),
    ...(own ? Object.fromEntries([...call.extras].filter(([name]) => !name.startsWith('options.')).map(([name, raw]) => [name, new RawJson(raw)])) : {}),
  }
}

function noteRest(call: Call, notes: Notes): void {
  refuseChoices(call)
  refuseLogprobs(call)
  refuseCachedContent(call)
  for (const [name, raw] of call.extras) if (!asksNothing(raw, name)) notes.dropNamed(name)
  if (call.tools.length > 0 && (call.toolChoice?.mode === 'required' || call.toolChoice?.mode === 'one')) notes.drop('toolChoice')
  if (call.tools.length > 0 && call.parallelTools === false) notes.drop('parallelTools')
}

function encodeOptions(call: Call, own: boolean): Writable {
  const number = (lexeme: string | null): RawJson | undefined => lexeme === null ? undefined : new RawJson(lexeme)
  const options: { readonly [name: string]: Writable } = {
    num_predict: call.maxTokens < 0 ? undefined : call.maxTokens, temperature: number(call.temperature), top_p: number(call.topP), top_k: number(call.topK), seed: number(call.seed),
    frequency_penalty: number(call.frequencyPenalty), presence_penalty: number(call.presencePenalty), stop: call.stop.length === 0 ? undefined : call.stop,
    ...(own ? Object.fromEntries([...call.extras].filter(([name]) => name.startsWith('options.')).map(([name, raw]) => [name.slice('options.'.length), new RawJson(raw)])) : {}),
  }
  return Object.values(options).every(value => value === undefined) ? undefined : options
}

function encodeFormat({ responseFormat: format }: Call): Writable {
  if (format === null || format.type === 'text') return undefined
  return format.type === 'schema' ? new RawJson(format.schema) : 'json'
}

function encodeThink({ reasoning, dialect }: Call, notes: Notes): Writable {
  if (reasoning === null) return undefined
  if (reasoning.summary !== undefined) notes.drop('reasoningSummary')
  if (!reasoning.enabled) return false
  const asked = reasoning.effort !== '' ? reasoning.effort : reasoning.budgetTokens >= 0 ? effortOfBudget(reasoning.budgetTokens) : ''
  const level = LEVELS.get(asked)
  if (level === undefined) return true
  if (dialect !== 'ollama-chat' && (level !== asked || reasoning.effort === '')) notes.approximate('reasoning', `think ${level}`)
  return level
}

function encodeTool(tool: Tool, notes: Notes): Writable[] {
  if (tool.type === 'custom') {
    notes.approximate('customTool', 'a function that takes one text')
    return encodeTool(functionOfCustom(tool), notes)
  }
  if (tool.type === 'foreign') {
    if (tool.dialect === 'ollama-chat') return [new RawJson(tool.raw)]
    notes.drop('foreignTool')
    return []
  }
  if (tool.cache !== null) notes.drop('cache')
  if (tool.strict === true) notes.drop('strict')
  return [{ type: 'function', function: { name: tool.name, description: tool.description, parameters: new RawJson(tool.schema === '' ? '{"type":"object","properties":{}}' : tool.schema) } }]
}

/** What an assistant thought, said and called in one go is one message. */
interface Turn { thoughts: string, words: string, readonly images: string[], readonly calls: Writable[] }

function encodeItems(items: readonly Item[], notes: Notes): Writable[] {
  const messages: Writable[] = []
  const names = new Map<string, string>()
  let turn: Turn | null = null
  const begun = (): Turn => turn ??= { thoughts: '', words: '', images: [], calls: [] }
  const close = (): void => {
    if (turn !== null) messages.push({ role: 'assistant', content: turn.words, thinking: turn.thoughts === '' ? undefined : turn.thoughts, images: listed(turn.images), tool_calls: listed(turn.calls) })
    turn = null
  }
  for (const item of items) {
    switch (item.type) {
      case 'foreign':
        notes.drop('foreignItem')
        break
      case 'reasoning':
        if (item.text === '') notes.drop('thoughts')
        else begun().thoughts += item.text
        break
      case 'tool-call': {
        if (item.cache !== null) notes.drop('cache')
        names.set(item.id, item.name)
        const input = item.custom === true ? argumentsOfText(item.input) : item.input
        begun().calls.push({ id: item.id, type: 'function', function: { name: item.name, arguments: new RawJson(asObject(parseJson(input)) === null ? '{}' : input) } })
        break
      }
      case 'tool-result': {
        close()
        if (item.isError) notes.drop('toolError')
        if (item.cache !== null) notes.drop('cache')
        const { words, images } = spoken(item.parts, notes)
        messages.push({ role: 'tool', content: words, images: listed(images), tool_name: names.get(item.callId) ?? item.callId, tool_call_id: item.callId })
        break
      }
      case 'message': {
        const { words, images } = spoken(item.parts, notes)
        if (item.name !== '') notes.drop('name')
        if (item.role !== 'assistant') {
          close()
          messages.push({ role: item.role, content: words, images: listed(images) })
          break
        }
        if ((turn as Turn | null)?.words || ((turn as Turn | null)?.calls.length ?? 0) > 0) close()
        const said = begun()
        said.words += words
        said.images.push(...images)
      }
    }
  }
  close()
  return messages
}

const listed = <T extends Writable>(list: readonly T[]): readonly T[] | undefined => list.length === 0 ? undefined : list

function spoken(parts: readonly Part[], notes: Notes): { readonly words: string, readonly images: readonly string[] } {
  const words: string[] = []
  const images: string[] = []
  for (const part of parts) {
    if ('cache' in part && part.cache !== null) notes.drop('cache')
    switch (part.type) {
      case 'text':
        if (part.citations !== null) notes.drop('citations')
        words.push(part.text)
        break
      case 'refusal':
        notes.approximate('refusal', 'text')
        words.push(part.text)
        break
      case 'image':
        if (part.source.kind !== 'base64') throw new InvalidRequest('An image is given by its URL or a file id, which this model\'s provider does not fetch: send its bytes, or have the gateway fetch it (`relay.fetch_urls`).', 'messages')
        if (part.detail !== '' && part.detail !== 'auto') notes.drop('imageDetail')
        images.push(part.source.data)
        break
      case 'audio': throw new InvalidRequest('The model that this request goes to takes no audio. Send a transcript, or name another model.', 'messages')
      case 'file':
        if (part.source.kind !== 'text') throw new InvalidRequest('The model that this request goes to takes no documents. Send their text, or name another model.', 'messages')
        if (part.settings.size > 0) notes.drop('fileSettings')
        words.push(part.source.text)
        break
      case 'foreign': notes.drop('foreignPart')
    }
  }
  return { words: words.join('\n\n'), images }
}
