import { RawJson, sha256Hex, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { failure, success, type Call, type EncodedRequest, type ResponseFormat, type Result, type Target, type Tool, type ToolChoice } from '@headrace/contract'
import { asksNothing } from '../neutral/asks-nothing.ts'
import { functionOfCustom } from '../neutral/custom-tools.ts'
import { effortOfBudget } from '../neutral/effort-of-budget.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import { Notes } from '../neutral/notes.ts'
import { refuseCachedContent, refuseNothing } from '../neutral/refuse-unanswerable.ts'
import { asksLogprobs, ONLY_LOGPROBS } from '../neutral/asks-logprobs.ts'
import { isStrictSchema } from '../neutral/strict-schema.ts'
import { encodeItems } from './encode-items.ts'

/** OpenAI's reasoning models refuse `max_tokens`; many other servers know nothing else. */
const WANTS_COMPLETION_TOKENS = /^(?:openai\/)?(?:o\d|gpt-[5-9])/
const MOST_STOPS = 4
/** Characters. */
const USER_LIMIT = 64

/** A neutral call as a Chat Completions request. Errors: `invalid-request` where a part of a message cannot go there. */
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
  const number = (lexeme: string | null): RawJson | undefined => lexeme === null ? undefined : new RawJson(lexeme)
  const own = call.dialect === 'openai-chat'
  const tools = call.tools.flatMap(tool => encodeTool(tool, own, notes))
  for (const field of call.unheld) notes.dropNamed(field)
  if (call.topK !== null && !own) notes.drop('topK')
  const logprobs = own ? null : encodeLogprobs(call)
  if (!own) noteExtras(call, logprobs, notes)
  const messages = encodeItems(call.items, own, notes, target.quirks?.thoughts)
  if (!own) refuseNothing(call, messages.length)
  return {
    model: target.model,
    messages,
    stream: call.stream ? true : undefined,
    stream_options: call.stream && (call.includeUsage || target.usageOption) ? { include_usage: true } : undefined,
    [WANTS_COMPLETION_TOKENS.test(target.model) ? 'max_completion_tokens' : 'max_tokens']: call.maxTokens < 0 ? undefined : call.maxTokens,
    temperature: number(call.temperature), top_p: number(call.topP), top_k: own ? number(call.topK) : undefined, seed: number(call.seed),
    frequency_penalty: number(call.frequencyPenalty), presence_penalty: number(call.presencePenalty),
    stop: encodeStop(call, notes),
    n: call.choices === 1 ? undefined : call.choices,
    tools: tools.length === 0 ? undefined : tools,
    tool_choice: call.toolChoice === null || tools.length === 0 ? undefined : encodeToolChoice(call, call.toolChoice),
    parallel_tool_calls: tools.length === 0 ? undefined : call.parallelTools ?? undefined,
    response_format: call.responseFormat === null ? undefined : encodeFormat(call.responseFormat),
    reasoning_effort: encodeEffort(call, notes),
    user: encodeUser(call, notes),
    ...logprobs,
    ...(own ? Object.fromEntries([...call.extras].map(([name, raw]) => [name, new RawJson(raw)])) : {}),
  }
}

/** Responses asks for the same by another name; null = nobody asks. */
function encodeLogprobs({ extras, dialect }: Call): { readonly [name: string]: Writable } | null {
  if (dialect !== 'openai-responses' || !asksLogprobs(extras)) return null
  const top = extras.get('top_logprobs')
  return { logprobs: true, top_logprobs: top === undefined ? undefined : new RawJson(top) }
}

function noteExtras(call: Call, logprobs: object | null, notes: Notes): void {
  refuseCachedContent(call)
  for (const [name, raw] of call.extras) {
    if (logprobs !== null && (name === 'top_logprobs' || raw === ONLY_LOGPROBS)) continue
    if (!asksNothing(raw, name) && !(name === 'top_logprobs' && raw === '0')) notes.dropNamed(name)
  }
}

function encodeStop({ stop, dialect }: Call, notes: Notes): readonly string[] | undefined {
  if (stop.length > MOST_STOPS && dialect !== 'openai-chat') notes.approximate('stop', `the first ${MOST_STOPS}`)
  return stop.length === 0 ? undefined : dialect === 'openai-chat' ? stop : stop.slice(0, MOST_STOPS)
}

/** A longer one is refused there. Its digest is as long as may be, and the same for the same user. */
function encodeUser({ user, dialect }: Call, notes: Notes): string | undefined {
  if (user.length <= USER_LIMIT || dialect === 'openai-chat') return user === '' ? undefined : user
  notes.approximate('user', 'its SHA-256')
  return sha256Hex(user)
}

function encodeTool(tool: Tool, own: boolean, notes: Notes): Writable[] {
  if (tool.type === 'custom') {
    if (!own) {
      // OpenAI's newest models alone know custom tools here, and speak Responses too.
      notes.approximate('customTool', 'a function that takes one text')
      return encodeTool(functionOfCustom(tool), own, notes)
    }
    const format = tool.grammar === null ? undefined : { type: 'grammar', grammar: { ...tool.grammar } }
    return [{ type: 'custom', custom: { name: tool.name, description: tool.description === '' ? undefined : tool.description, format } }]
  }
  if (tool.type === 'foreign') {
    if (tool.dialect === 'openai-chat') return [new RawJson(tool.raw)]
    notes.drop('foreignTool')
    return []
  }
  if (tool.cache !== null) notes.drop('cache')
  const strict = tool.strict === true && !own && !isStrictSchema(tool.schema) ? null : tool.strict
  if (strict !== tool.strict) notes.drop('strict')
  return [{ type: 'function', function: {
    name: tool.name, description: tool.description === '' ? undefined : tool.description, parameters: tool.schema === '' ? undefined : new RawJson(tool.schema), strict: strict ?? undefined,
  } }]
}

function encodeToolChoice(call: Call, choice: ToolChoice): Writable {
  if (choice.mode !== 'one') return choice.mode
  const custom = call.dialect === 'openai-chat' && call.tools.some(tool => tool.type === 'custom' && tool.name === choice.name)
  return custom ? { type: 'custom', custom: { name: choice.name } } : { type: 'function', function: { name: choice.name } }
}

function encodeFormat(format: ResponseFormat): Writable {
  if (format.type !== 'schema') return { type: format.type === 'text' ? 'text' : 'json_object' }
  return { type: 'json_schema', json_schema: {
    name: format.name === '' ? 'answer' : format.name, description: format.description === '' ? undefined : format.description, schema: new RawJson(format.schema), strict: format.strict ?? undefined,
  } }
}

function encodeEffort({ reasoning, dialect }: Call, notes: Notes): string | undefined {
  if (reasoning === null) return undefined
  if (reasoning.summary !== undefined) notes.drop('reasoningSummary')
  // `none` is for those who asked in these words: most models know no such effort, and think no more for its absence.
  if (!reasoning.enabled) return dialect === 'openai-chat' || dialect === 'openai-responses' ? 'none' : undefined
  if (reasoning.effort !== '') return reasoning.effort === 'max' ? 'xhigh' : reasoning.effort
  if (reasoning.budgetTokens < 0) {
    if (reasoning.summary === undefined) notes.drop('reasoning')
    return undefined
  }
  const effort = effortOfBudget(reasoning.budgetTokens)
  notes.approximate('reasoning', `reasoning_effort ${effort}`)
  return effort
}
