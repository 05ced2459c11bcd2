import type { JsonView } from '@headrace/bytes'
import type { AskedOutside, Call, Item, JsonText, Part, ReasoningRequest, ResponseFormat, Result, Tool } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, needText, noteUnheld, readList, readNumber, readText } from '../neutral/field-reader.ts'

/** What the neutral form models; all else is kept as it came. */
const MODELLED: ReadonlySet<string> = new Set(['model', 'messages', 'tools', 'format', 'options', 'stream', 'think', 'prompt', 'system', 'images'])
const OPTIONS: ReadonlySet<string> = new Set(['num_predict', 'temperature', 'top_p', 'top_k', 'seed', 'stop', 'frequency_penalty', 'presence_penalty'])
const MESSAGE: ReadonlySet<string> = new Set(['role', 'content', 'thinking', 'images', 'tool_calls', 'tool_name', 'tool_call_id', 'name'])
/** How images begin in base64. */
const MEDIA: readonly (readonly [string, string])[] = [['iVBOR', 'image/png'], ['/9j/', 'image/jpeg'], ['R0lGOD', 'image/gif'], ['UklGR', 'image/webp']]

const INSIDE: AskedOutside = Object.freeze({ model: '', stream: false })

/** A request of Ollama's `/api/chat` or `/api/generate` in the neutral form. The body has been scanned. */
export const decodeRequest = (body: Buffer, asked: AskedOutside = INSIDE): Result<Call> => decodeBody(body, root => decode(root, asked))

function decode(root: JsonView, { model, stream }: AskedOutside): Call {
  const options = root.get('options')
  const option = (name: string): JsonText | null => readNumber(options.get(name), `options.${name}`)
  const unheld = new Set<string>()
  const bound = options.get('num_predict').number ?? -1
  return {
    dialect: 'ollama-chat', model, stream, includeUsage: true,
    items: root.get('messages').given ? decodeMessages(root.get('messages'), unheld) : decodePrompt(root),
    tools: readList(root.get('tools'), 'tools').map(decodeTool),
    toolChoice: null, parallelTools: null,
    responseFormat: decodeFormat(root.get('format')),
    reasoning: decodeThink(root.get('think')),
    temperature: option('temperature'), topP: option('top_p'), topK: option('top_k'), frequencyPenalty: option('frequency_penalty'), presencePenalty: option('presence_penalty'), seed: option('seed'),
    stop: decodeStop(options.get('stop')),
    // Less than none stands for as much as there is room for.
    maxTokens: bound < 0 ? -1 : Math.ceil(bound),
    choices: 1, user: '',
    extras: decodeExtras(root, options),
    unheld: [...unheld],
  }
}

function decodeExtras(root: JsonView, options: JsonView): Map<string, JsonText> {
  const extras = new Map<string, JsonText>()
  for (const [name, view] of root.members()) if (!MODELLED.has(name) && view.given) extras.set(name, view.raw)
  for (const [name, view] of options.members()) if (!OPTIONS.has(name) && view.given) extras.set(`options.${name}`, view.raw)
  return extras
}

const text = (words: string): readonly Part[] => words === '' ? [] : [{ type: 'text', text: words, cache: null, citations: null }]

/** A prompt is a conversation of one turn. */
function decodePrompt(root: JsonView): readonly Item[] {
  if (readText(root.get('suffix'), 'suffix') !== '') throw new InvalidRequest('"suffix" asks for what stands between two texts, which chat models do not do.', 'suffix')
  const system = readText(root.get('system'), 'system')
  const parts = [...text(readText(root.get('prompt'), 'prompt')), ...decodeImages(root.get('images'), 'images')]
  return [
    ...(system === '' ? [] : [{ type: 'message', role: 'system', name: '', parts: text(system) } as const]),
    ...(parts.length === 0 ? [] : [{ type: 'message', role: 'user', name: '', parts } as const]),
  ]
}

/** Calls have no ids in older clients: then the n-th of a name is answered by the n-th result for it. */
function decodeMessages(view: JsonView, unheld: Set<string>): readonly Item[] {
  if (view.kind !== 'array') throw new InvalidRequest('"messages" must be a list of messages.', 'messages')
  const open: { readonly id: string, readonly name: string }[] = []
  let calls = 0
  return view.elements().flatMap((message, index): readonly Item[] => {
    const path = `messages[${index}]`
    noteUnheld(message, MESSAGE, 'messages[]', unheld)
    const role = needText(message.get('role'), `${path}.role`)
    const parts = [...text(readText(message.get('content'), `${path}.content`)), ...decodeImages(message.get('images'), `${path}.images`)]
    if (role === 'system' || role === 'user') return [{ type: 'message', role, name: readText(message.get('name'), `${path}.name`), parts }]
    if (role === 'tool') return [{ type: 'tool-result', callId: answered(message, open), parts, isError: false, cache: null }]
    if (role !== 'assistant') throw new InvalidRequest(`"${path}.role" is not one of system, user, assistant, tool.`, `${path}.role`)
    const thinking = readText(message.get('thinking'), `${path}.thinking`)
    const items: Item[] = thinking === '' ? [] : [{ type: 'reasoning', text: thinking, opaque: null }]
    const called = readList(message.get('tool_calls'), `${path}.tool_calls`).map((call, at): Item => {
      const name = needText(call.get('function').get('name'), `${path}.tool_calls[${at}].function.name`)
      const id = call.get('id').string || `call_${calls++}`
      open.push({ id, name })
      const input = call.get('function').get('arguments')
      return { type: 'tool-call', id, name, input: input.string ?? (input.given ? input.raw : '{}'), cache: null }
    })
    if (parts.length > 0 || called.length === 0) items.push({ type: 'message', role, name: '', parts })
    return [...items, ...called]
  })
}

function answered(message: JsonView, open: { readonly id: string, readonly name: string }[]): string {
  const id = message.get('tool_call_id').string ?? ''
  const name = message.get('tool_name').string ?? message.get('name').string ?? ''
  const at = open.findIndex(call => id !== '' ? call.id === id : name === '' || call.name === name)
  return at < 0 ? id || name : open.splice(at, 1)[0]?.id ?? id
}

/** Base64 without a word of what it is; its first bytes tell. */
function decodeImages(view: JsonView, path: string): readonly Part[] {
  return readList(view, path).map((element, index): Part => {
    const data = needText(element, `${path}[${index}]`).replace(/^data:[^,]*,/, '')
    const mediaType = MEDIA.find(([begin]) => data.startsWith(begin))?.[1]
    if (mediaType === undefined) throw new InvalidRequest(`"${path}[${index}]" is no PNG, JPEG, GIF or WebP image in base64.`, `${path}[${index}]`)
    return { type: 'image', source: { kind: 'base64', mediaType, data }, detail: '', cache: null }
  })
}

function decodeTool(view: JsonView, index: number): Tool {
  const path = `tools[${index}]`
  const declared = view.get('function')
  if (!declared.given) return { type: 'foreign', dialect: 'ollama-chat', kind: view.get('type').string ?? '', raw: view.raw }
  const schema = declared.get('parameters')
  return { type: 'function', name: needText(declared.get('name'), `${path}.function.name`), description: readText(declared.get('description'), `${path}.function.description`), schema: schema.given ? schema.raw : '', strict: null, cache: null }
}

function decodeFormat(view: JsonView): ResponseFormat | null {
  if (!view.given || view.string === '') return null
  if (view.string === 'json') return { type: 'json' }
  if (view.kind !== 'object') throw new InvalidRequest('"format" must be "json" or a JSON schema.', 'format')
  return { type: 'schema', name: 'answer', description: '', schema: view.raw, strict: null }
}

function decodeThink(view: JsonView): ReasoningRequest | null {
  if (!view.given) return null
  const effort = view.string
  if (effort === null && view.boolean === null) throw new InvalidRequest('"think" must be true, false, "low", "medium" or "high".', 'think')
  return { enabled: view.boolean !== false, effort: effort ?? (view.boolean === true ? 'medium' : ''), budgetTokens: -1 }
}

function decodeStop(view: JsonView): readonly string[] {
  if (!view.given) return []
  return view.string !== null ? [view.string] : readList(view, 'options.stop').map((element, index) => needText(element, `options.stop[${index}]`))
}
