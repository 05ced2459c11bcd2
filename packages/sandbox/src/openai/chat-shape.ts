import { anything, flag, integer, list, nullable, number, object, oneOf, optional, record, tagged, text, textOr, type Fields, type Shape } from '../strict/shape.ts'

const NAME = /^[a-zA-Z0-9_-]{1,64}$/
const maybe = (shape: Shape): { readonly optional: Shape } => optional(nullable(shape))
const breakpoint = { prompt_cache_breakpoint: optional(object({ mode: oneOf('explicit'), ttl: optional(oneOf('30m', '12h')) })) } satisfies Fields

/** The members of every kind of content part, by `type`. */
export const PARTS = {
  text: { type: oneOf('text'), text: text(), ...breakpoint },
  image_url: { type: oneOf('image_url'), ...breakpoint, image_url: object({ url: text(1, Infinity, /^(https?:\/\/|data:image\/(png|jpeg|jpg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$)/), detail: optional(oneOf('auto', 'low', 'high', 'original')) }) },
  input_audio: { type: oneOf('input_audio'), ...breakpoint, input_audio: object({ data: text(1), format: oneOf('wav', 'mp3') }) },
  file: { type: oneOf('file'), ...breakpoint, file: object({ file_data: optional(text(1)), file_id: optional(text(1)), filename: optional(text(1)) }) },
  refusal: { type: oneOf('refusal'), refusal: text() },
} as const satisfies Record<string, Fields>

const parts = (...types: readonly (keyof typeof PARTS)[]): Shape => list(tagged('type', Object.fromEntries(types.map((type) => [type, object(PARTS[type])]))), 1)
const name = { name: optional(text(1, 64)) } satisfies Fields
const system = { content: textOr(parts('text')), ...name } satisfies Fields

/** What a model has said comes back as it was given, helpers' additions and all: an assistant's message is open. */
const message = tagged('role', {
  system: object({ role: anything, ...system }), developer: object({ role: anything, ...system }),
  user: object({ role: anything, content: textOr(parts('text', 'image_url', 'input_audio', 'file')), ...name }),
  assistant: object({
    role: anything, content: maybe(textOr(parts('text', 'refusal'))), refusal: maybe(text()), ...name,
    tool_calls: optional(list(tagged('type', {
      function: object({ id: text(1, 64), type: anything, function: object({ name: text(1, 64, NAME), arguments: text() }, true) }, true),
      custom: object({ id: text(1, 64), type: anything, custom: object({ name: text(1, 64, NAME), input: text() }, true) }, true),
    }), 1, 128)),
  }, true),
  tool: object({ role: anything, content: textOr(parts('text')), tool_call_id: text(1) }),
  function: object({ role: anything, content: nullable(text()), name: text(1) }),
})

/** `function` of a tool. */
export const FUNCTION_FIELDS = { name: text(1, 64, NAME), description: optional(text()), parameters: optional(record), strict: maybe(flag) } as const satisfies Fields
const tool = tagged('type', {
  function: object({ type: anything, function: object(FUNCTION_FIELDS) }),
  custom: object({ type: anything, custom: object({ name: text(1, 64, NAME), description: optional(text()), format: optional(record) }) }),
})
const named = object({ name: text(1) })
const toolChoice: Shape = (value, path) => typeof value === 'string' ? oneOf('none', 'auto', 'required')(value, path) : tagged('type', {
  function: object({ type: anything, function: named }), custom: object({ type: anything, custom: named }), allowed_tools: object({ type: anything, allowed_tools: record }),
})(value, path)

const responseFormat = tagged('type', {
  text: object({ type: anything }), json_object: object({ type: anything }),
  json_schema: object({ type: anything, json_schema: object({ name: text(1, 64, NAME), description: optional(text()), schema: optional(record), strict: maybe(flag) }) }),
})

/** POST /v1/chat/completions. */
export const CHAT_FIELDS = {
  messages: list(message, 1), model: text(1), audio: maybe(record), frequency_penalty: maybe(number(-2, 2)), function_call: optional(anything), functions: optional(list(record, 1, 128)),
  logit_bias: maybe(record), logprobs: maybe(flag), max_completion_tokens: maybe(integer(1)), max_tokens: maybe(integer(1)), metadata: maybe(record), modalities: maybe(list(oneOf('text', 'audio'))),
  moderation: maybe(record), n: maybe(integer(1, 128)), parallel_tool_calls: optional(flag), prediction: maybe(record), presence_penalty: maybe(number(-2, 2)), prompt_cache_key: maybe(text()),
  prompt_cache_options: optional(record), prompt_cache_retention: maybe(oneOf('in_memory', '24h')), reasoning_effort: maybe(oneOf('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')),
  response_format: optional(responseFormat), safety_identifier: maybe(text(0, 64)), seed: maybe(integer()), service_tier: maybe(oneOf('auto', 'default', 'flex', 'scale', 'priority', 'fast')),
  stop: maybe(textOr(list(text(1), 0, 4))), store: maybe(flag), stream: maybe(flag), stream_options: maybe(object({ include_obfuscation: optional(flag), include_usage: optional(flag) })),
  temperature: maybe(number(0, 2)), tool_choice: optional(toolChoice), tools: optional(list(tool, 1, 128)), top_logprobs: maybe(integer(0, 20)), top_p: maybe(number(0, 1)), user: optional(text(0, 64)),
  verbosity: maybe(oneOf('low', 'medium', 'high')), web_search_options: optional(record),
} as const satisfies Fields
