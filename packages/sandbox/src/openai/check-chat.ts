import { isObject, type Body } from '../dialect.ts'
import { invalid, type Refusal } from '../refusal.ts'
import { object, type Flaw, type Path } from '../strict/shape.ts'
import { CHAT_FIELDS } from './chat-shape.ts'
import { checkRoot, checkStrictSchema } from './check-strict-schema.ts'

/** A chat request that the vendor would refuse: the first thing that is wrong with it. `lenient`: fields that it does not know are not looked at. */
export function checkChat(body: Body, lenient: boolean): Refusal | null {
  const flaw = object(CHAT_FIELDS, lenient)(body, [])
  return flaw !== null ? refusalOf(flaw) : checkTools(body) ?? checkFormat(body) ?? checkToolMessages(body['messages'] as readonly Body[])
}

const CODES = { unknown: 'unknown_parameter', missing: 'missing_required_parameter', value: 'invalid_value' } as const satisfies Record<Flaw['kind'], string>

/** A flaw in the words of this vendor. */
export function refusalOf({ path, message, kind }: Flaw): Refusal {
  const param = placeOf(path)
  const words = { unknown: `Unknown parameter: '${param}'.`, missing: `Missing required parameter: '${param}'.`, value: `Invalid value for '${param}': ${message}.` }[kind]
  return { ...invalid(words, param), code: CODES[kind] }
}

/** `messages[0].content`. */
const placeOf = (path: Path): string => path.map((step, at) => typeof step === 'number' ? `[${step}]` : at === 0 ? step : `.${step}`).join('')

function checkTools(body: Body): Refusal | null {
  const tools = (body['tools'] ?? []) as readonly Body[] // its shape has been checked
  const names = tools.map((tool) => isObject(tool['function']) ? tool['function']['name'] : isObject(tool['custom']) ? tool['custom']['name'] : '')
  for (const [index, tool] of tools.entries()) {
    const callable = tool['function']
    if (!isObject(callable) || callable['strict'] !== true) continue
    const problem = checkStrictSchema(callable['parameters'])
    if (problem !== null) return invalid(`Invalid schema for function '${String(callable['name'])}': ${problem}`, `tools[${index}].function.parameters`)
  }
  const { tool_choice: choice } = body
  if (tools.length === 0) {
    if (choice !== undefined && choice !== 'none') return invalid("Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.", 'tool_choice')
    return body['parallel_tool_calls'] === undefined ? null : invalid("Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.", 'parallel_tool_calls')
  }
  const wanted = isObject(choice) && isObject(choice['function']) ? choice['function']['name'] : undefined
  return wanted === undefined || names.includes(wanted) ? null : invalid(`Invalid value for 'tool_choice': there is no tool '${String(wanted)}'.`, 'tool_choice')
}

function checkFormat(body: Body): Refusal | null {
  if (body['stream_options'] != null && body['stream'] !== true) return invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options')
  if (body['top_logprobs'] != null && body['logprobs'] !== true) return invalid("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", 'top_logprobs')
  const format = body['response_format']
  if (!isObject(format)) return null
  if (format['type'] === 'json_object' && !/json/i.test(JSON.stringify(body['messages']))) {
    return invalid("'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", 'messages')
  }
  const schema = format['json_schema']
  const problem = !isObject(schema) ? null : schema['strict'] === true ? checkStrictSchema(schema['schema']) : checkRoot(schema['schema'])
  return problem === null ? null : invalid(`Invalid schema for response_format '${String(isObject(schema) ? schema['name'] : '')}': ${problem}`, 'response_format')
}

/** Every call is answered right behind it, before anybody else speaks; and nothing is answered that was not asked. */
function checkToolMessages(messages: readonly Body[]): Refusal | null {
  let due = new Set<unknown>()
  let caller = 0
  for (const [at, message] of messages.entries()) {
    if (message['role'] === 'tool') {
      if (!due.delete(message['tool_call_id'])) return invalid("Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.", `messages[${at}].role`)
      continue
    }
    if (due.size > 0) return unanswered(due, caller)
    due = new Set(((message['tool_calls'] ?? []) as readonly Body[]).map((call) => call['id']))
    caller = at
    if (message['role'] === 'assistant' && message['content'] == null && message['refusal'] == null && message['function_call'] == null && message['audio'] == null && due.size === 0) {
      return invalid(`Invalid value for 'content': expected a string, got null.`, `messages[${at}].content`)
    }
  }
  return due.size > 0 ? unanswered(due, caller) : null
}

const unanswered = (due: ReadonlySet<unknown>, caller: number): Refusal =>
  invalid(`An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...due].join(', ')}`, `messages[${caller}].role`)
