import type { Prompt } from '../engine/generate.ts'
import { invalid, type Refusal } from './refusal.ts'

/** A JSON object as it came: read by key, every value unknown. */
export type Body = Readonly<Record<string, unknown>>

const MAX_CHOICES = 16

export function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The prompt of a chat request, or why it is refused. Fields that this engine does not know are ignored, as real ones do. */
export function readChatPrompt(body: Body): Prompt | Refusal {
  const { messages } = body
  if (!Array.isArray(messages) || messages.length === 0) return invalid("'messages' must be a non-empty array.", 'messages')
  const turns: { role: string, text: string }[] = []
  for (const [i, message] of messages.entries()) {
    if (!isObject(message) || typeof message['role'] !== 'string') return invalid(`'messages[${i}]' must be an object with a role.`, `messages[${i}]`)
    turns.push({ role: message['role'], text: contentText(message['content']) })
  }
  return readCommon(body, turns)
}

/** The prompt of a legacy completion. */
export function readCompletionPrompt(body: Body): Prompt | Refusal {
  const { prompt } = body
  const text = Array.isArray(prompt) ? prompt.filter((part) => typeof part === 'string').join('') : prompt
  if (typeof text !== 'string' || text === '') return invalid("'prompt' must be a string or an array of strings.", 'prompt')
  return readCommon({ ...body, tools: undefined, response_format: undefined }, [{ role: 'user', text }])
}

function readCommon(body: Body, turns: Prompt['turns']): Prompt | Refusal {
  const choices = body['n'] ?? 1
  if (typeof choices !== 'number' || !Number.isInteger(choices) || choices < 1 || choices > MAX_CHOICES) {
    return invalid(`'n' must be a whole number from 1 to ${MAX_CHOICES}.`, 'n')
  }
  const limit = body['max_completion_tokens'] ?? body['max_tokens'] ?? Infinity
  if (typeof limit !== 'number' || limit < 1) return invalid("'max_tokens' must be at least 1.", 'max_tokens')
  const stop = body['stop'] ?? []
  return {
    turns,
    tools: readTools(body['tools']),
    toolChoice: readToolChoice(body['tool_choice']),
    jsonSchema: readJsonSchema(body['response_format']),
    maxTokens: limit,
    stop: (Array.isArray(stop) ? stop : [stop]).filter((text) => typeof text === 'string'),
    seed: typeof body['seed'] === 'number' ? body['seed'] : null,
    choices,
  }
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => isObject(part) && typeof part['text'] === 'string' ? part['text'] : '').join('')
}

function readTools(tools: unknown): Prompt['tools'] {
  if (!Array.isArray(tools)) return []
  return tools.flatMap((tool) => {
    const callable = isObject(tool) ? tool['function'] : undefined
    return isObject(callable) && typeof callable['name'] === 'string' ? [{ name: callable['name'], schema: callable['parameters'] }] : []
  })
}

function readToolChoice(choice: unknown): Prompt['toolChoice'] {
  if (choice === 'none' || choice === 'required') return choice
  const callable = isObject(choice) ? choice['function'] : undefined
  return isObject(callable) && typeof callable['name'] === 'string' ? { name: callable['name'] } : 'auto'
}

function readJsonSchema(format: unknown): unknown {
  if (!isObject(format)) return undefined
  if (format['type'] === 'json_object') return { type: 'object', properties: { answer: { type: 'string' } } }
  const schema = format['type'] === 'json_schema' ? format['json_schema'] : undefined
  return isObject(schema) ? schema['schema'] : undefined
}
