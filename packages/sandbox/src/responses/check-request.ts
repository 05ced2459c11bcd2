import { isObject, type Body } from '../dialect.ts'
import { isRedacted } from '../engine/signature.ts'
import { checkRoot, checkStrictSchema } from '../openai/check-strict-schema.ts'
import { refusalOf } from '../openai/check-chat.ts'
import { invalid, type Refusal } from '../refusal.ts'
import { object } from '../strict/shape.ts'
import { COUNT_FIELDS, RESPONSE_FIELDS } from './request-shape.ts'

/** A request that the vendor would refuse: the first thing that is wrong with it. `lenient`: fields that it does not know are not looked at. */
export function checkRequest(operation: 'create' | 'count', body: Body, lenient: boolean): Refusal | null {
  // Engines other than the vendor's know no least number of tokens either.
  const checked = lenient && typeof body['max_output_tokens'] === 'number' && body['max_output_tokens'] > 0 ? { ...body, max_output_tokens: undefined } : body
  const flaw = object(operation === 'create' ? RESPONSE_FIELDS : COUNT_FIELDS, lenient)(checked, [])
  return flaw !== null ? refusalOf(flaw) : checkState(body) ?? checkTools(body) ?? checkText(body) ?? checkItems(inputItems(body))
}

/** `input` as items. */
export function inputItems(body: Body): readonly Body[] {
  const input = body['input']
  return Array.isArray(input) ? input as readonly Body[] : input === undefined ? [] : [{ role: 'user', content: input }]
}

/** This engine keeps nothing. */
function checkState(body: Body): Refusal | null {
  const { previous_response_id: previous, conversation, background } = body
  if (previous != null && conversation != null) return { ...invalid("Mutually exclusive parameters: ensure you are only providing one of: 'previous_response_id' or 'conversation'."), code: 'mutually_exclusive_parameters' }
  if (previous != null) return { ...invalid(`Previous response with id '${String(previous)}' not found.`, 'previous_response_id'), code: 'previous_response_not_found' }
  if (conversation != null) return { ...invalid(`Conversation with id '${String(isObject(conversation) ? conversation['id'] : conversation)}' not found.`), status: 404, code: null }
  if (background === true) return invalid('The sandbox has no background mode.', 'background')
  return body['input'] === undefined || inputItems(body).length === 0 ? { ...invalid("One of 'input' or 'previous_response_id' or 'prompt' or 'conversation' must be provided.", 'input'), code: 'missing_required_parameter' } : null
}

function checkTools(body: Body): Refusal | null {
  const tools = (body['tools'] ?? []) as readonly Body[] // its shape has been checked
  for (const [index, tool] of tools.entries()) {
    const problem = tool['type'] === 'function' && tool['strict'] === true ? checkStrictSchema(tool['parameters']) : null
    if (problem !== null) return { ...invalid(`Invalid schema for function '${String(tool['name'])}': ${problem}`, `tools[${index}].parameters`), code: 'invalid_function_parameters' }
  }
  const choice = body['tool_choice']
  if (choice == null || choice === 'none' || choice === 'auto') return null
  if (tools.length === 0) return invalid("Tool choice 'required' must be specified with 'tools' parameter.", 'tool_choice')
  if (!isObject(choice) || (choice['type'] !== 'function' && choice['type'] !== 'custom')) return null
  return tools.some((tool) => tool['type'] === choice['type'] && tool['name'] === choice['name']) ? null : invalid(`Tool choice '${String(choice['name'])}' not found in 'tools' parameter.`, 'tool_choice')
}

function checkText(body: Body): Refusal | null {
  if (body['stream_options'] != null && body['stream'] !== true) return invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options')
  const config = body['text']
  const format = isObject(config) ? config['format'] : undefined
  if (!isObject(format)) return null
  if (format['type'] === 'json_object' && !/json/i.test(JSON.stringify(body['input']))) {
    return invalid("Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.", 'input')
  }
  const problem = format['type'] !== 'json_schema' ? null : format['strict'] === true ? checkStrictSchema(format['schema']) : checkRoot(format['schema'])
  return problem === null ? null : { ...invalid(`Invalid schema for response_format '${String(format['name'])}': ${problem}`, 'text.format.schema'), code: 'invalid_json_schema' }
}

const OUTPUTS: ReadonlyMap<unknown, string> = new Map([['function_call_output', 'function call'], ['custom_tool_call_output', 'custom tool call']])
const CALLS: ReadonlyMap<unknown, string> = new Map([['function_call', 'function_call_output'], ['custom_tool_call', 'custom_tool_call_output']])

/** Every call has its result, and every result its call, somewhere before it; thoughts come back as they were given, before what they led to. */
function checkItems(items: readonly Body[]): Refusal | null {
  const open = new Map<unknown, Body>()
  for (const [at, item] of items.entries()) {
    const type = item['type']
    if (CALLS.has(type)) open.set(item['call_id'], item)
    if (OUTPUTS.has(type)) {
      const call = open.get(item['call_id'])
      if (call === undefined || CALLS.get(call['type']) !== type) return invalid(`No tool call found for ${OUTPUTS.get(type) ?? ''} output with call_id ${String(item['call_id'])}.`, 'input')
      open.delete(item['call_id'])
    }
    const problem = checkParts(item, at) ?? checkThought(item, at, items[at + 1])
    if (problem !== null) return problem
  }
  const [unanswered] = open.values()
  return unanswered === undefined ? null : invalid(`No tool output found for ${unanswered['type'] === 'function_call' ? 'function call' : 'custom tool call'} ${String(unanswered['call_id'])}.`, 'input')
}

/** A picture or a document is given once, in one way. */
function checkParts(item: Body, at: number): Refusal | null {
  const content = item['content'] ?? item['output']
  for (const [index, part] of (Array.isArray(content) ? content as readonly Body[] : []).entries()) {
    const sources = part['type'] === 'input_image' ? ['image_url', 'file_id'] : part['type'] === 'input_file' ? ['file_data', 'file_url', 'file_id'] : []
    if (sources.length > 0 && sources.filter((name) => part[name] != null).length !== 1) return invalid(`Expected exactly one of ${sources.join(', ')}.`, `input[${at}].content[${index}]`)
  }
  return null
}

function checkThought(item: Body, at: number, next: Body | undefined): Refusal | null {
  const { type, id, encrypted_content: sealed } = item
  if (type === 'item_reference') return thoughtOf(String(id)) !== null ? null : { ...invalid(`Item with id '${String(id)}' not found.`, 'input'), status: 404, code: null }
  if (type !== 'reasoning') return null
  if (sealed != null && !isRedacted(String(sealed))) return { ...invalid(`The encrypted content for item ${String(id)} could not be verified.`, `input[${at}]`), code: 'invalid_encrypted_content' }
  if (sealed == null && thoughtOf(String(id)) === null) return { ...invalid(`Item with id '${String(id)}' not found. Items are not persisted when \`store\` is set to false.`, 'input'), status: 404, code: null }
  return next === undefined || next['role'] === 'user' ? invalid(`Item '${String(id)}' of type 'reasoning' was provided without its required following item.`, 'input') : null
}

/** An id that holds its thought, sealed: this engine keeps nothing, and finds it all the same. Null = not one of its own. */
export function thoughtOf(id: string): string | null {
  const sealed = id.startsWith('rs_') ? Buffer.from(id.slice(3), 'base64url').toString() : ''
  return isRedacted(sealed) ? sealed : null
}
