import { RawJson, sha256Hex, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { failure, success, type Call, type CutRule, type EncodedRequest, type ResponseFormat, type Result, type Target, type Tool, type ToolChoice } from '@headrace/contract'
import { asksNothing } from '../neutral/asks-nothing.ts'
import { effortOfBudget } from '../neutral/effort-of-budget.ts'
import { InvalidRequest } from '../neutral/field-reader.ts'
import { Notes } from '../neutral/notes.ts'
import { refuseCachedContent, refuseChoices, refuseNothing } from '../neutral/refuse-unanswerable.ts'
import { isStrictSchema } from '../neutral/strict-schema.ts'
import { encodeItems } from './encode-items.ts'

/** Fewer output tokens than these are refused there. */
const LEAST_TOKENS = 16
/** Characters. */
const USER_LIMIT = 64
/** What the vendor's two dialects have in common, under the same name. */
const SHARED: ReadonlySet<string> = new Set(['metadata', 'service_tier', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention', 'safety_identifier', 'moderation'])
const ENCRYPTED = 'reasoning.encrypted_content'
const LOGPROBS = 'message.output_text.logprobs'

/** A neutral call as a Responses request. Errors: `invalid-request` where a part of a message cannot go there. */
export function encodeRequest(call: Call, target: Target): Result<EncodedRequest> {
  const notes = new Notes(call.dialect)
  try {
    const body = encode(call, target, notes)
    const cut = cutOf(call)
    const request = { body: utf8AsLatin1(writeJson(body)), headers: '', notes: notes.list() }
    return success(cut === null ? request : { ...request, cut })
  } catch (error) {
    if (error instanceof InvalidRequest) return failure(error.error)
    throw error
  }
}

/** There are no stop sequences here, and no short answers: the gateway sees to both. */
function cutOf({ stop, maxTokens, dialect }: Call): CutRule | null {
  const short = maxTokens >= 0 && maxTokens < LEAST_TOKENS
  return dialect === 'openai-responses' || (stop.length === 0 && !short) ? null : { stop, tokens: short ? maxTokens : -1 }
}

function encode(call: Call, target: Target, notes: Notes): Writable {
  const own = call.dialect === 'openai-responses'
  const tools = call.tools.flatMap(tool => encodeTool(tool, own, notes))
  const customTools = new Set(call.tools.flatMap(tool => tool.type === 'custom' ? [tool.name] : []))
  for (const field of call.unheld) notes.dropNamed(field)
  if (!own) noteLosses(call, notes)
  const extras = own ? ownExtras(call) : sharedExtras(call, notes)
  const input = encodeItems(call.items, customTools, notes)
  if (!own) refuseNothing(call, input.length)
  return {
    model: target.model,
    input,
    stream: call.stream ? true : undefined,
    max_output_tokens: encodeMaxTokens(call, notes),
    temperature: number(call.temperature), top_p: number(call.topP),
    tools: tools.length === 0 ? undefined : tools,
    tool_choice: call.toolChoice === null || tools.length === 0 ? undefined : encodeToolChoice(call.toolChoice, customTools),
    parallel_tool_calls: tools.length === 0 ? undefined : call.parallelTools ?? undefined,
    text: encodeText(call.responseFormat, extras.text),
    reasoning: encodeReasoning(call, notes),
    include: encodeInclude(call, target, extras.include),
    user: encodeUser(call, notes),
    // The vendor keeps what it is not told to forget: a client of another dialect did not ask for that.
    store: own || call.extras.get('store') === 'true' ? undefined : false,
    ...extras.rest,
  }
}

const number = (lexeme: string | null): RawJson | undefined => lexeme === null ? undefined : new RawJson(lexeme)

/** What this dialect has no field for. */
function noteLosses(call: Call, notes: Notes): void {
  refuseChoices(call)
  refuseCachedContent(call)
  if (call.topK !== null) notes.drop('topK')
  if (call.seed !== null) notes.drop('seed')
  if (call.stop.length > 0) notes.approximate('stop', 'the gateway cuts the answer')
  if (Number(call.frequencyPenalty) !== 0) notes.drop('frequencyPenalty')
  if (Number(call.presencePenalty) !== 0) notes.drop('presencePenalty')
}

/** Members of `text`, values of `include`, and fields of their own. */
interface Extras { readonly text: { readonly [name: string]: Writable }, readonly include: readonly string[], readonly rest: { readonly [name: string]: Writable } }

function ownExtras(call: Call): Extras {
  const text: Record<string, Writable> = {}
  const rest: Record<string, Writable> = {}
  let include: readonly string[] = []
  for (const [name, raw] of call.extras) {
    if (name.startsWith('text.')) text[name.slice('text.'.length)] = new RawJson(raw)
    else if (name === 'include') include = JSON.parse(raw) as readonly string[] // the decoder wrote it
    else rest[name] = new RawJson(raw)
  }
  return { text, include, rest }
}

/** Of Chat Completions, whose vendor gave both the same names; of others nothing is known to mean the same. */
function sharedExtras(call: Call, notes: Notes): Extras {
  const text: Record<string, Writable> = {}
  const rest: Record<string, Writable> = {}
  const include: string[] = []
  const chat = call.dialect === 'openai-chat'
  for (const [name, raw] of call.extras) {
    if (chat && SHARED.has(name)) rest[name] = new RawJson(raw)
    else if (chat && name === 'verbosity') text['verbosity'] = new RawJson(raw)
    else if (chat && name === 'logprobs') {
      if (raw === 'true') include.push(LOGPROBS)
    } else if (chat && name === 'top_logprobs') rest[name] = new RawJson(raw)
    else if (chat && name === 'store') {
      if (raw === 'true') rest[name] = true
    } else if (!asksNothing(raw, name)) notes.dropNamed(name)
  }
  return { text, include, rest }
}

function encodeMaxTokens({ maxTokens, dialect }: Call, notes: Notes): number | undefined {
  if (maxTokens < 0) return undefined
  if (maxTokens >= LEAST_TOKENS || dialect === 'openai-responses') return maxTokens
  notes.approximate('maxTokens', `${LEAST_TOKENS}, and the gateway cuts the answer`)
  return LEAST_TOKENS
}

/** A longer one is refused there. Its digest is as long as may be, and the same for the same user. */
function encodeUser({ user, dialect }: Call, notes: Notes): string | undefined {
  if (user.length <= USER_LIMIT || dialect === 'openai-responses') return user === '' ? undefined : user
  notes.approximate('user', 'its SHA-256')
  return sha256Hex(user)
}

/** Thoughts come back only if they are asked for, and sealed, since nothing is stored; models that do not think refuse the question. */
function encodeInclude(call: Call, target: Target, asked: readonly string[]): readonly string[] | undefined {
  const thinks = call.reasoning?.enabled === true || target.facts?.capabilities.reasoning === true
  const include = thinks ? [ENCRYPTED, ...asked] : asked
  return include.length === 0 ? undefined : include
}

function encodeTool(tool: Tool, own: boolean, notes: Notes): Writable[] {
  const described = (description: string): string | undefined => description === '' ? undefined : description
  if (tool.type === 'custom') {
    const format = tool.grammar === null ? undefined : { type: 'grammar', ...tool.grammar }
    return [{ type: 'custom', name: tool.name, description: described(tool.description), format }]
  }
  if (tool.type === 'foreign') {
    if (tool.dialect === 'openai-responses') return [new RawJson(tool.raw)]
    notes.drop('foreignTool')
    return []
  }
  if (tool.cache !== null) notes.drop('cache')
  const strict = tool.strict === true && !own && !isStrictSchema(tool.schema) ? null : tool.strict
  if (strict !== tool.strict) notes.drop('strict')
  return [{
    type: 'function', name: tool.name, description: described(tool.description), parameters: new RawJson(tool.schema === '' ? '{"type":"object","properties":{}}' : tool.schema),
    // What says nothing is held to its schema here, and to nothing in every other dialect.
    strict: own ? strict ?? undefined : strict ?? false,
  }]
}

function encodeToolChoice(choice: ToolChoice, customTools: ReadonlySet<string>): Writable {
  return choice.mode === 'one' ? { type: customTools.has(choice.name) ? 'custom' : 'function', name: choice.name } : choice.mode
}

function encodeText(format: ResponseFormat | null, more: { readonly [name: string]: Writable }): Writable {
  const text = format === null ? more : { format: encodeFormat(format), ...more }
  return Object.keys(text).length === 0 ? undefined : text
}

/** `text.format`. */
export function encodeFormat(format: ResponseFormat): Writable {
  if (format.type !== 'schema') return { type: format.type === 'text' ? 'text' : 'json_object' }
  return {
    type: 'json_schema', name: format.name === '' ? 'answer' : format.name, description: format.description === '' ? undefined : format.description, schema: new RawJson(format.schema),
    strict: format.strict ?? undefined,
  }
}

function encodeReasoning({ reasoning, dialect }: Call, notes: Notes): Writable {
  if (reasoning === null) return undefined
  const summary = reasoning.summary
  // `none` is for those who asked in these words: most models know no such effort, and think no more for its absence.
  if (!reasoning.enabled) return dialect === 'openai-chat' || dialect === 'openai-responses' ? { effort: 'none', summary } : undefined
  if (reasoning.effort !== '') return { effort: reasoning.effort === 'max' ? 'xhigh' : reasoning.effort, summary }
  if (reasoning.budgetTokens < 0) {
    if (dialect === 'openai-responses') return { summary }
    notes.drop('reasoning')
    return undefined
  }
  const effort = effortOfBudget(reasoning.budgetTokens)
  notes.approximate('reasoning', `reasoning.effort ${effort}`)
  return { effort, summary }
}
