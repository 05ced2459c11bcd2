import type { JsonView } from '@headrace/bytes'
import type { Call, Item, JsonText, ReasoningRequest, ResponseFormat, Result, Tool, ToolChoice } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, needText, noteUnheld, readCount, readExtras, readFlag, readList, readNumber, readText } from '../neutral/field-reader.ts'
import { decodeInput } from './decode-items.ts'

/** What the neutral form models; all else is kept as it came. */
const MODELLED: ReadonlySet<string> = new Set([
  'model', 'input', 'instructions', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls', 'text', 'reasoning', 'temperature', 'top_p', 'max_output_tokens', 'user', 'include', 'previous_response_id', 'conversation', 'background',
])
/** Thoughts, encrypted, come back to the client in any case. */
const ENCRYPTED = '"reasoning.encrypted_content"'

const FORMAT: ReadonlySet<string> = new Set(['type', 'name', 'schema', 'strict', 'description'])
const REASONING: ReadonlySet<string> = new Set(['effort', 'summary', 'generate_summary'])
const FUNCTION: ReadonlySet<string> = new Set(['type', 'name', 'description', 'parameters', 'strict'])
const CUSTOM: ReadonlySet<string> = new Set(['type', 'name', 'description', 'format'])

/** A Responses request in the neutral form. The body has been scanned: it is UTF-8, an object, and not too deep. */
export const decodeRequest = (body: Buffer): Result<Call> => decodeBody(body, decode)

function decode(root: JsonView): Call {
  const unheld = new Set<string>()
  if (root.get('prompt').given) throw new InvalidRequest('"prompt" names a prompt that only a provider of Responses keeps, and this model\'s provider speaks another dialect. Send the prompt itself.', 'prompt')
  if (root.get('stream_options').get('include_obfuscation').boolean === true) unheld.add('stream_options.include_obfuscation')
  noteUnheld(root.get('reasoning'), REASONING, 'reasoning', unheld)
  const choice = root.get('tool_choice')
  return {
    dialect: 'openai-responses',
    model: needText(root.get('model'), 'model'),
    stream: readFlag(root.get('stream'), 'stream') ?? false,
    includeUsage: true,
    items: [...decodeInstructions(root.get('instructions')), ...decodeInput(root.get('input'), unheld)],
    tools: readList(root.get('tools'), 'tools').map((tool, index) => decodeTool(tool, `tools[${index}]`, unheld)).filter(allowedBy(choice)),
    toolChoice: decodeToolChoice(choice),
    parallelTools: readFlag(root.get('parallel_tool_calls'), 'parallel_tool_calls'),
    responseFormat: decodeFormat(root.get('text').get('format'), unheld),
    reasoning: decodeReasoning(root.get('reasoning')),
    temperature: readNumber(root.get('temperature'), 'temperature'),
    topP: readNumber(root.get('top_p'), 'top_p'),
    topK: null, frequencyPenalty: null, presencePenalty: null, seed: null, stop: [], choices: 1,
    maxTokens: readCount(root.get('max_output_tokens'), 'max_output_tokens'),
    user: readText(root.get('user'), 'user'),
    extras: decodeExtras(root),
    unheld: [...unheld],
  }
}

/** Of objects that are modelled in part, the rest is kept under its path. */
function decodeExtras(root: JsonView): ReadonlyMap<string, JsonText> {
  const extras = readExtras(root, MODELLED)
  const include = readList(root.get('include'), 'include').map(element => element.raw).filter(raw => raw !== ENCRYPTED)
  if (include.length > 0) extras.set('include', `[${include.join(',')}]`)
  for (const [name, member] of root.get('text').members()) if (name !== 'format') extras.set(`text.${name}`, member.raw)
  return extras
}

const decodeInstructions = (view: JsonView): readonly Item[] => {
  const text = readText(view, 'instructions')
  return text === '' ? [] : [{ type: 'message', role: 'system', name: '', parts: [{ type: 'text', text, cache: null, citations: null }] }]
}

function decodeTool(view: JsonView, path: string, unheld: Set<string>): Tool {
  const kind = needText(view.get('type'), `${path}.type`)
  if (kind !== 'function' && kind !== 'custom') return { type: 'foreign', dialect: 'openai-responses', kind, raw: view.raw }
  noteUnheld(view, kind === 'function' ? FUNCTION : CUSTOM, 'tools[]', unheld)
  const name = needText(view.get('name'), `${path}.name`)
  const description = readText(view.get('description'), `${path}.description`)
  if (kind === 'function') {
    return { type: 'function', name, description, schema: view.get('parameters').given ? view.get('parameters').raw : '', strict: readFlag(view.get('strict'), `${path}.strict`), cache: null }
  }
  const format = view.get('format')
  if (format.get('type').string !== 'grammar') return { type: 'custom', name, description, grammar: null }
  return { type: 'custom', name, description, grammar: { syntax: needText(format.get('syntax'), `${path}.format.syntax`), definition: needText(format.get('definition'), `${path}.format.definition`) } }
}

/** A choice among some of the tools says the same as a list of these tools alone. */
function allowedBy(choice: JsonView): (tool: Tool) => boolean {
  if (choice.get('type').string !== 'allowed_tools') return () => true
  const allowed = readList(choice.get('tools'), 'tool_choice.tools')
  const names = new Set(allowed.map(tool => tool.get('name').string ?? ''))
  const kinds = new Set(allowed.map(tool => tool.get('type').string ?? ''))
  return tool => tool.type === 'foreign' ? kinds.has(tool.kind) : names.has(tool.name)
}

function decodeToolChoice(view: JsonView): ToolChoice | null {
  if (!view.given) return null
  const type = view.get('type').string
  const mode = type === 'allowed_tools' ? view.get('mode').string : view.string
  if (mode === 'auto' || mode === 'none' || mode === 'required') return { mode }
  if (type === 'function' || type === 'custom') return { mode: 'one', name: needText(view.get('name'), 'tool_choice.name') }
  throw new InvalidRequest('"tool_choice" of this kind cannot be translated: use "auto", "none", "required", a function, a custom tool or a list of allowed tools.', 'tool_choice')
}

function decodeFormat(view: JsonView, unheld: Set<string>): ResponseFormat | null {
  if (!view.given) return null
  noteUnheld(view, FORMAT, 'text.format', unheld)
  const type = view.get('type').string
  if (type === 'text') return { type: 'text' }
  if (type === 'json_object') return { type: 'json' }
  if (type !== 'json_schema') throw new InvalidRequest('"text.format.type" must be "text", "json_object" or "json_schema".', 'text.format.type')
  return {
    type: 'schema', name: needText(view.get('name'), 'text.format.name'), description: readText(view.get('description'), 'text.format.description'),
    schema: view.get('schema').given ? view.get('schema').raw : '{}', strict: readFlag(view.get('strict'), 'text.format.strict'),
  }
}

function decodeReasoning(view: JsonView): ReasoningRequest | null {
  if (!view.given) return null
  const effort = readText(view.get('effort'), 'reasoning.effort')
  const summary = readText(view.get('summary'), 'reasoning.summary') || readText(view.get('generate_summary'), 'reasoning.generate_summary')
  if (effort === '' && summary === '') return null
  const asked = { enabled: effort !== 'none', effort: effort === 'none' ? '' : effort, budgetTokens: -1 }
  return summary === '' ? asked : { ...asked, summary }
}
