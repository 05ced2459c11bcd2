import type { Prompt } from '../engine/generate.ts'
import { isObject, type Body } from '../dialect.ts'
import { describeMedia } from '../engine/describe-media.ts'
import { invalid, type Refusal } from '../refusal.ts'

const MAX_CHOICES = 16

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
    parallelTools: body['parallel_tool_calls'] !== false,
    thinks: typeof body['reasoning_effort'] === 'string' && body['reasoning_effort'] !== 'none',
    jsonSchema: readJsonSchema(body['response_format']),
    topLogprobs: body['logprobs'] === true ? Number(body['top_logprobs'] ?? 0) : null,
    maxTokens: limit,
    stop: (Array.isArray(stop) ? stop : [stop]).filter((text) => typeof text === 'string'),
    seed: typeof body['seed'] === 'number' ? body['seed'] : null,
    choices,
  }
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => isObject(part) ? partText(part) : '').join('')
}

function partText(part: Body): string {
  if (typeof part['text'] === 'string') return part['text']
  const { image_url: image, file, input_audio: audio } = part
  if (isObject(image) && typeof image['url'] === 'string') return dataText(image['url'])
  if (isObject(file) && typeof file['file_data'] === 'string') return dataText(file['file_data'])
  return isObject(audio) && typeof audio['data'] === 'string' ? describeMedia({ mediaType: `audio/${String(audio['format'])}`, base64: audio['data'] }) : ''
}

/** What the engine sees at a URL that may hold the data itself. */
export function dataText(url: string): string {
  const match = /^data:([^;,]+);base64,(.*)$/s.exec(url)
  return describeMedia(match === null ? { url } : { mediaType: match[1] ?? '', base64: match[2] ?? '' })
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
