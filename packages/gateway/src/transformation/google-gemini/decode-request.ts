import type { JsonView } from '@headrace/bytes'
import type { AskedOutside, Call, Item, JsonText, ReasoningRequest, ResponseFormat, Result, Tool, ToolChoice } from '@headrace/contract'
import { decodeBody } from '../neutral/decode-body.ts'
import { InvalidRequest, needText, noteUnheld, readFlag, readList, readText } from '../neutral/field-reader.ts'
import { ContentsReader, decodePart } from './decode-contents.ts'
import { toJsonSchema } from './json-schema.ts'
import { camelName, member, readCount, readNumber } from './members.ts'

/** What the neutral form models; all else is kept as it came, under its JSON name. */
const MODELLED: ReadonlySet<string> = new Set(['model', 'contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig', 'generateContentRequest'])
const CONFIG: ReadonlySet<string> = new Set([
  'stopSequences', 'responseMimeType', 'responseSchema', 'responseJsonSchema', 'candidateCount', 'maxOutputTokens', 'temperature', 'topP', 'topK', 'seed', 'presencePenalty', 'frequencyPenalty', 'thinkingConfig',
])
const TOOL_CONFIG: ReadonlySet<string> = new Set(['functionCallingConfig'])
const FUNCTION: ReadonlySet<string> = new Set(['name', 'description', 'parameters', 'parametersJsonSchema', 'parameters_json_schema'])

const INSIDE: AskedOutside = Object.freeze({ model: '', stream: false })

/** A request for generated content in the neutral form; a question for tokens may hold the whole request that it is about. The body has been scanned. */
export const decodeRequest = (body: Buffer, asked: AskedOutside = INSIDE): Result<Call> => decodeBody(body, root => {
  const whole = member(root, 'generateContentRequest')
  return decode(whole.given ? whole : root, asked)
})

function decode(root: JsonView, { model, stream }: AskedOutside): Call {
  const config = member(root, 'generationConfig')
  const at = (name: string): string => `generationConfig.${name}`
  const unheld = new Set<string>()
  const calling = member(member(root, 'toolConfig'), 'functionCallingConfig')
  const extras = decodeExtras(root)
  return {
    dialect: 'google-gemini', model, stream, includeUsage: true,
    items: [...decodeSystem(member(root, 'systemInstruction')), ...decodeContents(root.get('contents'), unheld)],
    tools: decodeTools(root.get('tools'), calling.get('mode').string?.toUpperCase() === 'VALIDATED' ? true : null, unheld),
    toolChoice: decodeChoice(calling, extras),
    parallelTools: null,
    responseFormat: decodeFormat(config, extras),
    reasoning: decodeThinking(member(config, 'thinkingConfig')),
    temperature: readNumber(config.get('temperature'), at('temperature')), topP: readNumber(member(config, 'topP'), at('topP')), topK: readNumber(member(config, 'topK'), at('topK')),
    frequencyPenalty: readNumber(member(config, 'frequencyPenalty'), at('frequencyPenalty')), presencePenalty: readNumber(member(config, 'presencePenalty'), at('presencePenalty')),
    seed: readNumber(config.get('seed'), at('seed')),
    stop: readList(member(config, 'stopSequences'), at('stopSequences')).map((element, index) => needText(element, `${at('stopSequences')}[${index}]`)),
    maxTokens: readCount(member(config, 'maxOutputTokens'), at('maxOutputTokens')),
    choices: Math.max(1, readCount(member(config, 'candidateCount'), at('candidateCount'))),
    user: '',
    extras,
    unheld: [...unheld],
  }
}

/** Of objects that are modelled in part, the rest is kept under its path. */
function decodeExtras(root: JsonView): Map<string, JsonText> {
  const extras = new Map<string, JsonText>()
  const add = (view: JsonView, known: ReadonlySet<string>, prefix: string): void => {
    for (const [spelled, value] of view.members()) {
      const name = camelName(spelled)
      if (!known.has(name) && value.given) extras.set(prefix + name, value.raw)
    }
  }
  add(root, MODELLED, '')
  add(member(root, 'generationConfig'), CONFIG, 'generationConfig.')
  add(member(root, 'toolConfig'), TOOL_CONFIG, 'toolConfig.')
  return extras
}

function decodeSystem(view: JsonView): readonly Item[] {
  const text = view.string
  const parts = text === null ? readList(view.get('parts'), 'systemInstruction.parts').flatMap((part, index) => decodePart(part, `systemInstruction.parts[${index}]`))
    : [{ type: 'text', text, cache: null, citations: null } as const]
  return parts.length === 0 ? [] : [{ type: 'message', role: 'system', name: '', parts }]
}

function decodeContents(view: JsonView, unheld: Set<string>): readonly Item[] {
  // Google takes one turn for a list of one.
  const turns = view.kind === 'object' ? [view] : view.kind === 'array' ? view.elements() : null
  if (turns === null) throw new InvalidRequest('"contents" must be a list of turns.', 'contents')
  const reader = new ContentsReader(unheld)
  for (const [index, turn] of turns.entries()) reader.read(turn, `contents[${index}]`)
  return reader.items
}

/** Each entry may hold functions and tools of Google's own. */
function decodeTools(view: JsonView, strict: boolean | null, unheld: Set<string>): readonly Tool[] {
  const entries = view.kind === 'object' ? [view] : readList(view, 'tools')
  return entries.flatMap((entry, index) => [...entry.members()].flatMap(([spelled, value]): readonly Tool[] => {
    const name = camelName(spelled)
    if (name === 'functionDeclarations') return readList(value, `tools[${index}].functionDeclarations`).map((declared, at) => decodeFunction(declared, `tools[${index}].functionDeclarations[${at}]`, strict, unheld))
    return value.given ? [{ type: 'foreign', dialect: 'google-gemini', kind: name, raw: `{${JSON.stringify(name)}:${value.raw}}` }] : []
  }))
}

function decodeFunction(view: JsonView, path: string, strict: boolean | null, unheld: Set<string>): Tool {
  noteUnheld(view, FUNCTION, 'tools[].functionDeclarations[]', unheld)
  const schema = member(view, 'parametersJsonSchema')
  const own = view.get('parameters')
  return {
    type: 'function', name: needText(view.get('name'), `${path}.name`), description: readText(view.get('description'), `${path}.description`),
    schema: schema.given ? schema.raw : own.given ? toJsonSchema(own.raw) : '', strict, cache: null,
  }
}

function decodeChoice(view: JsonView, extras: Map<string, JsonText>): ToolChoice | null {
  const names = readList(member(view, 'allowedFunctionNames'), 'toolConfig.functionCallingConfig.allowedFunctionNames')
    .map((name, index) => needText(name, `toolConfig.functionCallingConfig.allowedFunctionNames[${index}]`))
  const mode = (view.get('mode').string ?? '').toUpperCase()
  const only = names[0]
  if (mode === 'ANY' && names.length === 1 && only !== undefined) return { mode: 'one', name: only }
  if (names.length > 0) extras.set('toolConfig.functionCallingConfig.allowedFunctionNames', JSON.stringify(names))
  switch (mode) {
    case 'ANY': return { mode: 'required' }
    case 'NONE': return { mode: 'none' }
    case 'AUTO': return { mode: 'auto' }
    case 'VALIDATED':
    case 'MODE_UNSPECIFIED':
    case '': return null
    default: throw new InvalidRequest('"toolConfig.functionCallingConfig.mode" must be "AUTO", "ANY", "NONE" or "VALIDATED".', 'toolConfig.functionCallingConfig.mode')
  }
}

function decodeFormat(config: JsonView, extras: Map<string, JsonText>): ResponseFormat | null {
  const type = readText(member(config, 'responseMimeType'), 'generationConfig.responseMimeType').toLowerCase()
  if (type === 'text/plain') return { type: 'text' }
  if (type !== 'application/json') {
    // One word of a list, as plain text: nobody else has that.
    if (type !== '') extras.set('generationConfig.responseMimeType', JSON.stringify(type))
    const schema = member(config, 'responseSchema')
    if (schema.given) extras.set('generationConfig.responseSchema', schema.raw)
    return null
  }
  const schema = member(config, 'responseJsonSchema')
  const own = member(config, 'responseSchema')
  if (!schema.given && !own.given) return { type: 'json' }
  return { type: 'schema', name: '', description: '', schema: schema.given ? schema.raw : toJsonSchema(own.raw), strict: true }
}

function decodeThinking(view: JsonView): ReasoningRequest | null {
  const effort = readText(member(view, 'thinkingLevel'), 'generationConfig.thinkingConfig.thinkingLevel').toLowerCase().replace('thinking_level_unspecified', '')
  const shown = readFlag(member(view, 'includeThoughts'), 'generationConfig.thinkingConfig.includeThoughts') === true
  // -1 = as much as the model likes.
  const budget = readCount(member(view, 'thinkingBudget'), 'generationConfig.thinkingConfig.thinkingBudget', -1)
  if (budget === 0) return { enabled: false, effort: '', budgetTokens: -1 }
  if (budget === -2 && effort === '' && !shown) return null
  return { enabled: true, effort, budgetTokens: Math.max(budget, -1), ...(shown ? { summary: 'auto' } : {}) }
}
