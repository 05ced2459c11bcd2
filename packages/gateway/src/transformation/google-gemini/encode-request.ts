import { RawJson, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { failure, success, type Call, type EncodedRequest, type JsonText, type Result, type Target, type Tool } from '@headrace/contract'
import { asksNothing } from '../neutral/asks-nothing.ts'
import { functionOfCustom } from '../neutral/custom-tools.ts'
import { fieldName } from '../neutral/field-names.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import { Notes } from '../neutral/notes.ts'
import { refuseLogprobs } from '../neutral/refuse-unanswerable.ts'
import { encodeContents } from './encode-contents.ts'
import { encodeThinking } from './encode-thinking.ts'
import { fitSchema } from './fit-format.ts'
import { isThirdGeneration } from './generation.ts'

const MOST_STOPS = 5
const MOST_CANDIDATES = 8
const NAMES = 'toolConfig.functionCallingConfig.allowedFunctionNames'

/** A neutral call as a request for generated content. Errors: `invalid-request` where a part of a message cannot go there. */
export function encodeRequest(call: Call, target: Target): Result<EncodedRequest> {
  const notes = new Notes(call.dialect)
  try {
    return success({ body: utf8AsLatin1(writeJson(encode(call, target, notes))), headers: '', notes: notes.list() })
  } catch (error) {
    if (error instanceof InvalidRequest) return failure(error.error)
    throw error
  }
}

function encode(call: Call, target: Target, notes: Notes): Writable {
  const own = call.dialect === 'google-gemini'
  if (!own) refuseLogprobs(call)
  for (const field of call.unheld) notes.dropNamed(field)
  if (!own) for (const [name, raw] of call.extras) if (!asksNothing(raw, name)) notes.dropNamed(name)
  if (call.user !== '') notes.drop('user')
  const { system, contents } = encodeContents(call.items, { own, loose: call.dialect === 'openai-chat', signed: isThirdGeneration(target.model) }, notes)
  const tools = encodeTools(call, notes)
  const extras = new Extras(own ? call.extras : new Map())
  return {
    contents,
    systemInstruction: system.length === 0 ? undefined : { parts: system },
    tools: tools.length === 0 ? undefined : tools,
    toolConfig: orNothing({ functionCallingConfig: encodeChoice(call, tools.length > 0, extras.take(NAMES), notes), ...extras.below('toolConfig.') }),
    generationConfig: orNothing({ ...encodeConfig(call, target, notes), ...extras.below('generationConfig.') }),
    ...extras.below(''),
  }
}

function encodeConfig(call: Call, target: Target, notes: Notes): { readonly [name: string]: Writable } {
  const own = call.dialect === 'google-gemini'
  const number = (lexeme: string | null): Writable => lexeme === null ? undefined : new RawJson(lexeme)
  const format = call.responseFormat
  if (call.choices > MOST_CANDIDATES && !own) {
    const field = fieldName(call.dialect, 'choices')
    throw new InvalidRequest(`The model that this request goes to gives at most ${MOST_CANDIDATES} answers per request. ("${field}" is ${call.choices}.)`, field)
  }
  if (call.stop.length > MOST_STOPS && !own) notes.approximate('stop', `the first ${MOST_STOPS}`)
  return {
    maxOutputTokens: call.maxTokens < 0 ? undefined : call.maxTokens,
    temperature: number(call.temperature), topP: number(call.topP), topK: number(call.topK), seed: number(call.seed),
    frequencyPenalty: number(call.frequencyPenalty), presencePenalty: number(call.presencePenalty),
    stopSequences: call.stop.length === 0 ? undefined : own ? call.stop : call.stop.slice(0, MOST_STOPS),
    candidateCount: call.choices === 1 ? undefined : call.choices,
    responseMimeType: format === null ? undefined : format.type === 'text' ? 'text/plain' : 'application/json',
    responseJsonSchema: format?.type === 'schema' ? new RawJson(own ? format.schema : fitSchema(format.schema).schema) : undefined,
    thinkingConfig: encodeThinking(call, target.model, notes),
  }
}

function encodeTools(call: Call, notes: Notes): Writable[] {
  const functions: Writable[] = []
  const others: Writable[] = []
  for (const tool of call.tools) {
    if (tool.type === 'foreign') {
      if (tool.dialect === 'google-gemini') others.push(new RawJson(tool.raw))
      else notes.drop('foreignTool')
      continue
    }
    if (tool.type === 'custom') notes.approximate('customTool', 'a function that takes one text')
    functions.push(encodeFunction(tool.type === 'custom' ? functionOfCustom(tool) : tool, notes))
  }
  return functions.length === 0 ? others : [{ functionDeclarations: functions }, ...others]
}

function encodeFunction(tool: Extract<Tool, { type: 'function' }>, notes: Notes): Writable {
  if (tool.cache !== null) notes.drop('cache')
  return { name: tool.name, description: tool.description === '' ? undefined : tool.description, parametersJsonSchema: tool.schema === '' ? undefined : new RawJson(tool.schema) }
}

/** Which function may or must be called. What is written is checked against its schema where a tool is strict. */
function encodeChoice(call: Call, hasTools: boolean, names: JsonText | undefined, notes: Notes): Writable {
  if (!hasTools) return undefined
  const { toolChoice, parallelTools } = call
  const own = call.dialect === 'google-gemini'
  if (parallelTools === false) notes.drop('parallelTools')
  const strict = call.tools.some(tool => tool.type === 'function' && tool.strict === true)
  if (strict && !own) notes.approximate('strict', 'mode VALIDATED')
  const allowed = names === undefined ? undefined : new RawJson(names)
  if (toolChoice?.mode === 'one') return { mode: 'ANY', allowedFunctionNames: [toolChoice.name] }
  if (toolChoice?.mode === 'required') return { mode: 'ANY', allowedFunctionNames: allowed }
  if (toolChoice?.mode === 'none') return { mode: 'NONE' }
  if (strict) return { mode: 'VALIDATED', allowedFunctionNames: allowed }
  return toolChoice === null && allowed === undefined ? undefined : { mode: toolChoice === null ? undefined : 'AUTO', allowedFunctionNames: allowed }
}

/** An object that says nothing is left out. */
function orNothing(members: { readonly [name: string]: Writable }): Writable {
  return Object.values(members).every(member => member === undefined) ? undefined : members
}

/** What the neutral form does not model, by its path. */
class Extras {
  readonly #rest: Map<string, JsonText>

  constructor(extras: ReadonlyMap<string, JsonText>) {
    this.#rest = new Map(extras)
  }

  take(path: string): JsonText | undefined {
    const raw = this.#rest.get(path)
    this.#rest.delete(path)
    return raw
  }

  /** All that is left below a path, and at last all that is left. */
  below(prefix: string): { readonly [name: string]: RawJson } {
    const taken = [...this.#rest].filter(([path]) => path.startsWith(prefix))
    for (const [path] of taken) this.#rest.delete(path)
    return Object.fromEntries(taken.map(([path, raw]) => [path.slice(prefix.length), new RawJson(raw)]))
  }
}
