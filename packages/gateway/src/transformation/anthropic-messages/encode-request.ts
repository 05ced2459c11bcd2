import { RawJson, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { failure, success, type Call, type EncodedRequest, type Result, type Target, type Tool } from '@headrace/contract'
import { asksNothing } from '../neutral/asks-nothing.ts'
import { functionOfCustom } from '../neutral/custom-tools.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import { Notes } from '../neutral/notes.ts'
import { refuseCachedContent, refuseChoices, refuseLogprobs } from '../neutral/refuse-unanswerable.ts'
import { ANTHROPIC_VERSION } from './dialect.ts'
import { encodeItems, type EncodedItems } from './encode-items.ts'
import { defaultMaxTokens, encodeThinking } from './encode-thinking.ts'
import { fitSchema } from './fit-schema.ts'

/** A neutral call as a Messages request. Errors: `invalid-request` where a part of a message cannot go there. */
export function encodeRequest(call: Call, target: Target): Result<EncodedRequest> {
  const notes = new Notes(call.dialect)
  try {
    const body = encode(call, target, notes)
    return success({ body: utf8AsLatin1(writeJson(body)), headers: `anthropic-version: ${ANTHROPIC_VERSION}\r\n`, notes: notes.list() })
  } catch (error) {
    if (error instanceof InvalidRequest) return failure(error.error)
    throw error
  }
}

function encode(call: Call, target: Target, notes: Notes): Writable {
  const { system, messages, mayThink } = encodeItems(call.items, call.dialect === 'anthropic-messages', notes)
  const tools = call.tools.flatMap(tool => encodeTool(tool, notes))
  const thinking = encodeThinking(call, mayThink, target.facts ?? null, notes)
  for (const field of call.unheld) notes.dropNamed(field)
  const own = call.dialect === 'anthropic-messages'
  if (!own) noteExtras(call, notes)
  return {
    model: target.model,
    max_tokens: thinking.maxTokens < 0 ? defaultMaxTokens(call, target.facts ?? null) : thinking.maxTokens,
    system: encodeSystem(system),
    messages,
    stream: call.stream ? true : undefined,
    ...encodeSampling(call, thinking.on, notes),
    stop_sequences: encodeStop(call, notes),
    tools: tools.length === 0 ? undefined : tools,
    tool_choice: tools.length === 0 ? undefined : encodeToolChoice(call),
    thinking: thinking.value,
    output_config: encodeOutput(call, thinking.effort),
    metadata: call.user === '' ? undefined : { user_id: call.user },
    ...(own ? Object.fromEntries([...call.extras].map(([name, raw]) => [name, new RawJson(raw)])) : {}),
  }
}

function noteExtras(call: Call, notes: Notes): void {
  refuseChoices(call)
  refuseLogprobs(call)
  refuseCachedContent(call)
  for (const [name, raw] of call.extras) if (!asksNothing(raw, name)) notes.dropNamed(name)
  if (call.seed !== null) notes.drop('seed')
  if (Number(call.frequencyPenalty) !== 0) notes.drop('frequencyPenalty')
  if (Number(call.presencePenalty) !== 0) notes.drop('presencePenalty')
}

/** The common case is one plain text. */
export function encodeSystem(system: EncodedItems['system']): Writable {
  if (system.length === 0) return undefined
  const only = system[0]
  return system.length === 1 && only !== undefined && Object.keys(only).every(name => name === 'type' || name === 'text' || only[name] === undefined) ? only['text'] : system
}

/** Temperature goes to 1 here; with thinking on, it and `top_k` may not be set at all; newer models refuse temperature and `top_p` together. */
function encodeSampling(call: Call, thinks: boolean, notes: Notes): { readonly [name: string]: Writable } {
  const number = (lexeme: string | null): Writable => lexeme === null ? undefined : new RawJson(lexeme)
  const own = call.dialect === 'anthropic-messages'
  if (own) return { temperature: number(call.temperature), top_p: number(call.topP), top_k: number(call.topK) }
  if (thinks) {
    if (call.temperature !== null && Number(call.temperature) !== 1) notes.drop('temperature')
    if (call.topP !== null && Number(call.topP) !== 1) notes.drop('topP')
    if (call.topK !== null) notes.drop('topK')
    return {}
  }
  if (call.temperature !== null && Number(call.temperature) > 1) notes.approximate('temperature', '1')
  const both = call.temperature !== null && call.topP !== null
  if (both && Number(call.topP) !== 1) notes.drop('topP')
  return {
    temperature: call.temperature !== null && Number(call.temperature) > 1 ? 1 : number(call.temperature),
    top_p: both ? undefined : number(call.topP), top_k: number(call.topK),
  }
}

/** Sequences of white space alone are refused there. */
function encodeStop(call: Call, notes: Notes): readonly string[] | undefined {
  const stop = call.dialect === 'anthropic-messages' ? call.stop : call.stop.filter(sequence => sequence.trim() !== '')
  if (stop.length < call.stop.length) notes.drop('stop')
  return stop.length === 0 ? undefined : stop
}

function encodeTool(tool: Tool, notes: Notes): Writable[] {
  if (tool.type === 'custom') {
    notes.approximate('customTool', 'a function that takes one text')
    return encodeTool(functionOfCustom(tool), notes)
  }
  if (tool.type === 'foreign') {
    if (tool.dialect === 'anthropic-messages') return [new RawJson(tool.raw)]
    notes.drop('foreignTool')
    return []
  }
  const { strict, schema } = encodeSchema(tool, notes)
  return [{
    name: tool.name, description: tool.description === '' ? undefined : tool.description, input_schema: new RawJson(schema === '' ? '{"type":"object","properties":{}}' : schema),
    strict: strict ?? undefined, cache_control: tool.cache === null ? undefined : new RawJson(tool.cache),
  }]
}

/** A strict tool's schema must be one of those that structured outputs take. */
function encodeSchema({ strict, schema }: Extract<Tool, { type: 'function' }>, notes: Notes): { readonly strict: boolean | null, readonly schema: string } {
  const fitted = strict === true ? fitSchema(schema) : { schema, how: '' }
  if (fitted === null) notes.drop('strict')
  else if (fitted.how !== '') notes.approximate('strict', fitted.how)
  return fitted === null ? { strict: null, schema } : { strict, schema: fitted.schema }
}

function encodeToolChoice(call: Call): Writable {
  const choice = call.toolChoice
  const single = call.parallelTools === false && choice?.mode !== 'none' ? true : undefined
  if (choice === null) return single === undefined ? undefined : { type: 'auto', disable_parallel_tool_use: single }
  if (choice.mode === 'one') return { type: 'tool', name: choice.name, disable_parallel_tool_use: single }
  return { type: choice.mode === 'required' ? 'any' : choice.mode, disable_parallel_tool_use: single }
}

function encodeOutput(call: Call, effort: string): Writable {
  const format = call.responseFormat
  if (format?.type !== 'schema' && effort === '') return undefined
  return { effort: effort === '' ? undefined : effort, format: format?.type === 'schema' ? { type: 'json_schema', schema: new RawJson(format.schema) } : undefined }
}
