import type { JsonView } from '@headrace/bytes'
import type { Call, Item, JsonText, ReasoningRequest, ResponseFormat, Result, Tool, ToolChoice } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, needText, noteUnheld, readCount, readExtras, readFlag, readList, readNumber, readRaw, readText } from '../neutral/field-reader.ts'
import { decodeBlocks, decodeMessage } from './decode-message.ts'

/** What the neutral form models; all else is kept as it came. */
const MODELLED: ReadonlySet<string> = new Set([
  'model', 'messages', 'system', 'stream', 'tools', 'tool_choice', 'thinking', 'output_config', 'temperature', 'top_p', 'top_k', 'stop_sequences', 'max_tokens', 'metadata',
])
const THINKING: ReadonlySet<string> = new Set(['enabled', 'disabled', 'adaptive'])

const TOOL: ReadonlySet<string> = new Set(['type', 'name', 'description', 'input_schema', 'strict', 'cache_control'])
/** Of objects that are modelled in part. */
const HELD: Readonly<Record<string, ReadonlySet<string>>> = Object.freeze({
  metadata: new Set(['user_id']), output_config: new Set(['effort', 'format']), thinking: new Set(['type', 'budget_tokens']), tool_choice: new Set(['type', 'name', 'disable_parallel_tool_use']),
})

/** A Messages request in the neutral form. The body has been scanned: it is UTF-8, an object, and not too deep. */
export const decodeRequest = (body: Buffer): Result<Call> => decodeBody(body, decode)

function decode(root: JsonView): Call {
  const unheld = new Set<string>()
  for (const [name, known] of Object.entries(HELD)) noteUnheld(root.get(name), known, name, unheld)
  return {
    dialect: 'anthropic-messages',
    model: needText(root.get('model'), 'model'),
    stream: readFlag(root.get('stream'), 'stream') ?? false,
    includeUsage: true,
    items: [...decodeSystem(root.get('system'), unheld), ...decodeMessages(root.get('messages'), unheld)],
    tools: readList(root.get('tools'), 'tools').map((tool, index) => decodeTool(tool, index, unheld)),
    toolChoice: decodeToolChoice(root.get('tool_choice')),
    parallelTools: readFlag(root.get('tool_choice').get('disable_parallel_tool_use'), 'tool_choice.disable_parallel_tool_use') === true ? false : null,
    responseFormat: decodeFormat(root.get('output_config').get('format')),
    reasoning: decodeThinking(root.get('thinking'), root.get('output_config').get('effort')),
    temperature: readNumber(root.get('temperature'), 'temperature'),
    topP: readNumber(root.get('top_p'), 'top_p'),
    topK: readNumber(root.get('top_k'), 'top_k'),
    frequencyPenalty: null, presencePenalty: null, seed: null,
    stop: readList(root.get('stop_sequences'), 'stop_sequences').map((element, index) => needText(element, `stop_sequences[${index}]`)),
    maxTokens: readCount(root.get('max_tokens'), 'max_tokens'),
    choices: 1,
    user: readText(root.get('metadata').get('user_id'), 'metadata.user_id'),
    extras: decodeExtras(root),
    unheld: [...unheld],
  }
}

/** Of objects that are modelled in part, the rest is kept under its path. */
function decodeExtras(root: JsonView): ReadonlyMap<string, JsonText> {
  const extras = readExtras(root, MODELLED)
  const thinking = root.get('thinking')
  if (thinking.given && !THINKING.has(thinking.get('type').string ?? '')) extras.set('thinking', thinking.raw)
  return extras
}

function decodeSystem(view: JsonView, unheld: Set<string>): readonly Item[] {
  const parts = decodeBlocks(view, 'system', unheld)
  return parts.length === 0 ? [] : [{ type: 'message', role: 'system', name: '', parts }]
}

function decodeMessages(view: JsonView, unheld: Set<string>): readonly Item[] {
  if (view.kind !== 'array') throw new InvalidRequest('"messages" must be a list of messages.', 'messages')
  return view.elements().flatMap((message, index) => decodeMessage(message, `messages[${index}]`, unheld))
}

function decodeTool(view: JsonView, index: number, unheld: Set<string>): Tool {
  const path = `tools[${index}]`
  const kind = readText(view.get('type'), `${path}.type`)
  if (kind !== '' && kind !== 'custom') return { type: 'foreign', dialect: 'anthropic-messages', kind, raw: view.raw }
  noteUnheld(view, TOOL, 'tools[]', unheld)
  return {
    type: 'function', name: needText(view.get('name'), `${path}.name`), description: readText(view.get('description'), `${path}.description`),
    schema: readRaw(view.get('input_schema')) ?? '', strict: readFlag(view.get('strict'), `${path}.strict`), cache: readRaw(view.get('cache_control')),
  }
}

function decodeToolChoice(view: JsonView): ToolChoice | null {
  if (!view.given) return null
  switch (view.get('type').string) {
    case 'auto': return { mode: 'auto' }
    case 'none': return { mode: 'none' }
    case 'any': return { mode: 'required' }
    case 'tool': return { mode: 'one', name: needText(view.get('name'), 'tool_choice.name') }
    default: throw new InvalidRequest('"tool_choice.type" must be "auto", "any", "tool" or "none".', 'tool_choice.type')
  }
}

function decodeFormat(view: JsonView): ResponseFormat | null {
  if (!view.given) return null
  return { type: 'schema', name: '', description: '', schema: readRaw(view.get('schema')) ?? '{}', strict: true }
}

function decodeThinking(view: JsonView, effort: JsonView): ReasoningRequest | null {
  const asked = readText(effort, 'output_config.effort')
  const type = view.get('type').string ?? ''
  if (!THINKING.has(type)) return asked === '' ? null : { enabled: true, effort: asked, budgetTokens: -1 }
  if (type === 'disabled') return { enabled: false, effort: asked, budgetTokens: -1 }
  return { enabled: true, effort: asked, budgetTokens: readCount(view.get('budget_tokens'), 'thinking.budget_tokens') }
}
