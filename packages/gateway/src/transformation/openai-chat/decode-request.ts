import type { JsonView } from '@headrace/bytes'
import type { Call, Item, ReasoningRequest, ResponseFormat, Result, Tool, ToolChoice } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, needText, noteUnheld, readCount, readExtras, readFlag, readList, readNumber, readText } from '../neutral/field-reader.ts'
import { decodeMessage } from './decode-message.ts'

/** What the neutral form models; all else is kept as it came. */
const MODELLED: ReadonlySet<string> = new Set([
  'model', 'messages', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls', 'functions', 'function_call', 'response_format',
  'reasoning_effort', 'temperature', 'top_p', 'top_k', 'frequency_penalty', 'presence_penalty', 'seed', 'stop', 'max_tokens', 'max_completion_tokens', 'n', 'user',
])

const STREAM_OPTIONS: ReadonlySet<string> = new Set(['include_usage'])

/** A Chat Completions request in the neutral form. The body has been scanned: it is UTF-8, an object, and not too deep. */
export const decodeRequest = (body: Buffer): Result<Call> => decodeBody(body, decode)

function decode(root: JsonView): Call {
  const maxCompletion = readCount(root.get('max_completion_tokens'), 'max_completion_tokens')
  const choices = readCount(root.get('n'), 'n')
  const unheld = new Set<string>()
  noteUnheld(root.get('stream_options'), STREAM_OPTIONS, 'stream_options', unheld)
  return {
    dialect: 'openai-chat',
    model: needText(root.get('model'), 'model'),
    stream: readFlag(root.get('stream'), 'stream') ?? false,
    includeUsage: readFlag(root.get('stream_options').get('include_usage'), 'stream_options.include_usage') ?? false,
    items: decodeMessages(root.get('messages'), unheld),
    tools: [...readList(root.get('tools'), 'tools').map(decodeTool), ...readList(root.get('functions'), 'functions').map((view, index) => decodeFunction(view, `functions[${index}]`))],
    toolChoice: decodeToolChoice(root.get('tool_choice')) ?? decodeFunctionCall(root.get('function_call')),
    parallelTools: readFlag(root.get('parallel_tool_calls'), 'parallel_tool_calls'),
    responseFormat: decodeFormat(root.get('response_format')),
    reasoning: decodeEffort(root.get('reasoning_effort')),
    temperature: readNumber(root.get('temperature'), 'temperature'),
    topP: readNumber(root.get('top_p'), 'top_p'),
    topK: readNumber(root.get('top_k'), 'top_k'),
    frequencyPenalty: readNumber(root.get('frequency_penalty'), 'frequency_penalty'),
    presencePenalty: readNumber(root.get('presence_penalty'), 'presence_penalty'),
    seed: readNumber(root.get('seed'), 'seed'),
    stop: decodeStop(root.get('stop')),
    maxTokens: maxCompletion >= 0 ? maxCompletion : readCount(root.get('max_tokens'), 'max_tokens'),
    choices: choices < 0 ? 1 : choices,
    user: readText(root.get('user'), 'user'),
    extras: readExtras(root, MODELLED),
    unheld: [...unheld],
  }
}

function decodeMessages(view: JsonView, unheld: Set<string>): readonly Item[] {
  if (view.kind !== 'array') throw new InvalidRequest('"messages" must be a list of messages.', 'messages')
  return view.elements().flatMap((message, index) => decodeMessage(message, `messages[${index}]`, unheld))
}

function decodeTool(view: JsonView, index: number): Tool {
  const path = `tools[${index}]`
  const kind = needText(view.get('type'), `${path}.type`)
  if (kind === 'function') return decodeFunction(view.get('function'), `${path}.function`)
  return kind === 'custom' ? decodeCustom(view.get('custom'), `${path}.custom`) : { type: 'foreign', dialect: 'openai-chat', kind, raw: view.raw }
}

function decodeCustom(view: JsonView, path: string): Tool {
  const grammar = view.get('format').get('grammar')
  return {
    type: 'custom', name: needText(view.get('name'), `${path}.name`), description: readText(view.get('description'), `${path}.description`),
    grammar: grammar.given ? { syntax: needText(grammar.get('syntax'), `${path}.format.grammar.syntax`), definition: needText(grammar.get('definition'), `${path}.format.grammar.definition`) } : null,
  }
}

function decodeFunction(view: JsonView, path: string): Tool {
  return {
    type: 'function', name: needText(view.get('name'), `${path}.name`), description: readText(view.get('description'), `${path}.description`),
    schema: view.get('parameters').given ? view.get('parameters').raw : '', strict: readFlag(view.get('strict'), `${path}.strict`), cache: null,
  }
}

function decodeToolChoice(view: JsonView): ToolChoice | null {
  if (!view.given) return null
  const mode = view.string
  if (mode === 'auto' || mode === 'none' || mode === 'required') return { mode }
  const type = view.get('type').string
  if (type === 'function' || type === 'custom') return { mode: 'one', name: needText(view.get(type).get('name'), `tool_choice.${type}.name`) }
  throw new InvalidRequest('"tool_choice" of this kind cannot be translated: use "auto", "none", "required" or a function.', 'tool_choice')
}

/** The older form of the same. */
function decodeFunctionCall(view: JsonView): ToolChoice | null {
  if (!view.given) return null
  const mode = view.string
  if (mode === 'auto' || mode === 'none') return { mode }
  return { mode: 'one', name: needText(view.get('name'), 'function_call.name') }
}

function decodeFormat(view: JsonView): ResponseFormat | null {
  if (!view.given) return null
  const type = view.get('type').string
  if (type === 'text') return { type: 'text' }
  if (type === 'json_object') return { type: 'json' }
  if (type !== 'json_schema') throw new InvalidRequest('"response_format.type" must be "text", "json_object" or "json_schema".', 'response_format.type')
  const schema = view.get('json_schema')
  return {
    type: 'schema', name: needText(schema.get('name'), 'response_format.json_schema.name'),
    description: readText(schema.get('description'), 'response_format.json_schema.description'),
    schema: schema.get('schema').given ? schema.get('schema').raw : '{}', strict: readFlag(schema.get('strict'), 'response_format.json_schema.strict'),
  }
}

function decodeEffort(view: JsonView): ReasoningRequest | null {
  const effort = readText(view, 'reasoning_effort')
  return effort === '' ? null : { enabled: effort !== 'none', effort: effort === 'none' ? '' : effort, budgetTokens: -1 }
}

function decodeStop(view: JsonView): readonly string[] {
  if (!view.given) return []
  if (view.string !== null) return [view.string]
  return readList(view, 'stop').map((element, index) => needText(element, `stop[${index}]`))
}
