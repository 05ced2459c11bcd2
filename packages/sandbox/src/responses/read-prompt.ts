import { isObject, type Body } from '../dialect.ts'
import type { Prompt } from '../engine/generate.ts'
import { dataText } from '../openai/read-prompt.ts'
import { inputItems } from './check-request.ts'

/** What a custom tool is given: a text. */
const TEXT_SCHEMA = Object.freeze({ type: 'string' })

/** The prompt of a request that has been checked. */
export function readPrompt(body: Body): Prompt {
  const { instructions, reasoning, text: config, tool_choice: choice } = body
  const effort = isObject(reasoning) ? reasoning['effort'] : undefined
  return {
    turns: [...(typeof instructions === 'string' && instructions !== '' ? [{ role: 'system', text: instructions }] : []), ...inputItems(body).flatMap(readItem)],
    tools: readTools(body['tools']),
    toolChoice: choice === 'none' || choice === 'required' ? choice : isObject(choice) && typeof choice['name'] === 'string' ? { name: choice['name'] } : 'auto',
    parallelTools: body['parallel_tool_calls'] !== false,
    jsonSchema: readSchema(isObject(config) ? config['format'] : undefined),
    thinks: typeof effort === 'string' && effort !== 'none',
    topLogprobs: Array.isArray(body['include']) && body['include'].includes('message.output_text.logprobs') ? Number(body['top_logprobs'] ?? 0) : null,
    maxTokens: Number(body['max_output_tokens'] ?? Infinity),
    stop: [], seed: null, choices: 1,
  }
}

/** A call is no turn: it says nothing. */
function readItem(item: Body): Prompt['turns'] {
  const { type, role, content, output } = item
  if (type === 'function_call_output' || type === 'custom_tool_call_output') return [{ role: 'tool', text: contentText(output) }]
  if (role === undefined) return []
  return [{ role: role === 'developer' ? 'system' : String(role), text: contentText(content) }]
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  return Array.isArray(content) ? content.map((part) => isObject(part) ? partText(part) : '').join('') : ''
}

function partText(part: Body): string {
  const media = part['image_url'] ?? part['file_data'] ?? part['file_url']
  return typeof media === 'string' ? dataText(media) : String(part['text'] ?? part['refusal'] ?? '')
}

function readTools(tools: unknown): Prompt['tools'] {
  return ((tools ?? []) as readonly Body[]).flatMap((tool) => {
    if (tool['type'] === 'custom') return [{ name: String(tool['name']), schema: TEXT_SCHEMA }]
    return tool['type'] === 'function' ? [{ name: String(tool['name']), schema: tool['parameters'] }] : []
  })
}

function readSchema(format: unknown): unknown {
  if (!isObject(format)) return undefined
  return format['type'] === 'json_object' ? { type: 'object', properties: { answer: { type: 'string' } } } : format['schema']
}
