import { anything, flag, integer, list, nullable, number, object, oneOf, optional, record, tagged, text, textOr, type Fields, type Shape } from '../strict/shape.ts'

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const ID = /^[a-zA-Z0-9_-]+$/
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,128}$/

const cacheControl = object({ type: oneOf('ephemeral'), ttl: optional(oneOf('5m', '1h')) })
const cached = { cache_control: optional(nullable(cacheControl)) } satisfies Fields
const direct = optional(object({ type: oneOf('direct') }))

/** The members of every kind of block that this engine takes, by `type`. */
export const BLOCKS = {
  text: { type: oneOf('text'), text: text(1), ...cached, citations: optional(nullable(list(record))) },
  image: {
    type: oneOf('image'), ...cached, transformations: optional(nullable(record)),
    source: tagged('type', {
      base64: object({ type: oneOf('base64'), media_type: oneOf('image/jpeg', 'image/png', 'image/gif', 'image/webp'), data: text(1, Infinity, BASE64) }),
      url: object({ type: oneOf('url'), url: text(1, 8_192, /^https?:/) }),
      file: object({ type: oneOf('file'), file_id: text(1) }),
    }),
  },
  document: {
    type: oneOf('document'), ...cached, citations: optional(nullable(object({ enabled: optional(flag) }))), context: optional(nullable(text(1))), title: optional(nullable(text(1, 500))),
    source: tagged('type', {
      base64: object({ type: oneOf('base64'), media_type: oneOf('application/pdf'), data: text(1, Infinity, BASE64) }),
      text: object({ type: oneOf('text'), media_type: oneOf('text/plain'), data: text(1) }),
      content: object({ type: oneOf('content'), content: textOr(list(record)) }),
      url: object({ type: oneOf('url'), url: text(1, 8_192, /^https?:/) }),
      file: object({ type: oneOf('file'), file_id: text(1) }),
    }),
  },
  search_result: {
    type: oneOf('search_result'), ...cached, citations: optional(object({ enabled: optional(flag) })), source: text(1), title: text(1),
    content: list(object({ type: oneOf('text'), text: text(1), ...cached, citations: optional(nullable(list(record))) }), 1),
  },
  thinking: { type: oneOf('thinking'), thinking: text(), signature: text(1) },
  redacted_thinking: { type: oneOf('redacted_thinking'), data: text(1) },
  tool_use: { type: oneOf('tool_use'), id: text(1, 256, ID), name: text(1, 200), input: record, ...cached, caller: direct, toolset_name: optional(nullable(text(1))) },
  tool_result: {
    type: oneOf('tool_result'), tool_use_id: text(1, 256, ID), ...cached, is_error: optional(flag), toolset_name: optional(nullable(text(1))),
    content: optional(textOr(list(blocks(['text', 'image', 'document', 'search_result'])))),
  },
} as const satisfies Record<string, Fields>

type BlockType = 'text' | 'image' | 'document' | 'search_result' | 'thinking' | 'redacted_thinking' | 'tool_use' | 'tool_result'

/** Looked up when a block is judged: blocks hold blocks. */
function blocks(types: readonly BlockType[]): Shape {
  return (value, path) => tagged('type', Object.fromEntries(types.map((type) => [type, object(BLOCKS[type])])))(value, path)
}

const content = (types: readonly BlockType[]): Shape => textOr(list(blocks(types)))
const systemText = textOr(list(object(BLOCKS.text)))

const message = tagged('role', {
  user: object({ role: oneOf('user'), content: content(['text', 'image', 'document', 'search_result', 'tool_result']) }),
  assistant: object({ role: oneOf('assistant'), content: content(['text', 'document', 'thinking', 'redacted_thinking', 'tool_use']) }),
  system: object({ role: oneOf('system'), content: systemText }),
})

/** A tool of the client's own. Those that the vendor runs are not simulated. */
export const TOOL = {
  name: text(1, 128, TOOL_NAME), input_schema: inputSchema, type: optional(nullable(oneOf('custom'))), description: optional(text()), ...cached, strict: optional(flag),
  allowed_callers: optional(list(oneOf('direct'))), defer_loading: optional(flag), eager_input_streaming: optional(nullable(flag)), input_examples: optional(list(record)),
} as const satisfies Fields

function inputSchema(value: unknown, path: readonly (string | number)[]): ReturnType<Shape> {
  return record(value, path) ?? ((value as Record<string, unknown>)['type'] === 'object' ? null : { path: [...path, 'type'], message: "Input should be 'object'", kind: 'value' })
}

const single = { disable_parallel_tool_use: optional(flag) } satisfies Fields
const toolChoice = tagged('type', {
  auto: object({ type: oneOf('auto'), ...single }), any: object({ type: oneOf('any'), ...single }), none: object({ type: oneOf('none') }),
  tool: object({ type: oneOf('tool'), name: text(1), ...single }),
})

const display = { display: optional(nullable(oneOf('summarized', 'omitted'))) } satisfies Fields
const thinking = tagged('type', {
  enabled: object({ type: oneOf('enabled'), budget_tokens: integer(1_024), ...display }), adaptive: object({ type: oneOf('adaptive'), ...display }),
  between_tools: object({ type: oneOf('between_tools') }), disabled: object({ type: oneOf('disabled') }),
})
const outputConfig = object({
  effort: optional(nullable(oneOf('low', 'medium', 'high', 'xhigh', 'max'))), format: optional(nullable(object({ type: oneOf('json_schema'), schema: record }))),
})

/** What both operations take. */
const SHARED = {
  model: text(1, 512), messages: list(message, 1, 100_000), system: optional(systemText), tools: optional(list(object(TOOL))), tool_choice: optional(toolChoice), thinking: optional(thinking),
  output_config: optional(outputConfig), ...cached, speed: optional(nullable(oneOf('standard', 'fast'))), user_profile_id: optional(text(1)), workspace_id: optional(text(1)),
} as const satisfies Fields

/** POST /v1/messages, from version 2026-10-21 on. */
export const MESSAGE_FIELDS = {
  ...SHARED, max_tokens: integer(1), stream: optional(flag), stop_sequences: optional(list(text(1))), metadata: optional(object({ user_id: optional(nullable(text(0, 512))) })),
  service_tier: optional(oneOf('auto', 'standard_only')), inference_geo: optional(nullable(text(1))), container: optional(nullable(anything)),
  diagnostics: optional(nullable(object({ previous_message_id: optional(nullable(text(1))) }))),
} as const satisfies Fields

/** What version 2023-06-01 takes besides. */
export const SAMPLING_FIELDS = { temperature: optional(number(0, 1)), top_p: optional(number(0, 1)), top_k: optional(integer(0)) } as const satisfies Fields

/** POST /v1/messages/count_tokens. */
export const COUNT_FIELDS = SHARED
