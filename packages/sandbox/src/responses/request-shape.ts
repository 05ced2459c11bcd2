import { anything, flag, integer, list, nullable, number, object, oneOf, optional, record, tagged, text, textOr, type Fields, type Shape } from '../strict/shape.ts'

const NAME = /^[a-zA-Z0-9_-]{1,64}$/
const maybe = (shape: Shape): { readonly optional: Shape } => optional(nullable(shape))
const breakpoint = { prompt_cache_breakpoint: maybe(object({ mode: oneOf('explicit'), ttl: optional(oneOf('30m', '12h')) })) } satisfies Fields
const status = { status: maybe(oneOf('in_progress', 'completed', 'incomplete')) } satisfies Fields
/** Ids are the vendor's own, and show what they are of. */
const idOf = (prefix: string): { readonly optional: Shape } => maybe(text(1, 64 * 1_024, new RegExp(`^${prefix}`)))
const callId = text(1, 64)

/** The members of every kind of content part, by `type`. */
export const PARTS = {
  input_text: { type: oneOf('input_text'), text: text(), ...breakpoint },
  input_image: {
    type: oneOf('input_image'), detail: maybe(oneOf('auto', 'low', 'high', 'original')), file_id: maybe(text(1)),
    image_url: maybe(text(1, Infinity, /^(https?:\/\/|data:image\/(png|jpeg|jpg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$)/)), ...breakpoint,
  },
  input_file: {
    type: oneOf('input_file'), detail: optional(oneOf('auto', 'low', 'high')), file_data: maybe(text(1, Infinity, /^data:[\w.+-]+\/[\w.+-]+;base64,/)), file_id: maybe(text(1)),
    file_url: maybe(text(1, Infinity, /^https?:\/\//)), filename: maybe(text(1)), ...breakpoint,
  },
  output_text: { type: oneOf('output_text'), text: text(), annotations: optional(list(record)), logprobs: optional(list(record)) },
  refusal: { type: oneOf('refusal'), refusal: text() },
} as const satisfies Record<string, Fields>

const parts = (...types: readonly (keyof typeof PARTS)[]): Shape => list(tagged('type', Object.fromEntries(types.map((type) => [type, object(PARTS[type])]))))
const given = parts('input_text', 'input_image', 'input_file')
const said = parts('output_text', 'refusal')

const phase = { phase: maybe(oneOf('commentary', 'final_answer')) } satisfies Fields
const message = tagged('role', {
  ...Object.fromEntries(['user', 'system', 'developer'].map((role) => [role, object({ type: optional(anything), id: idOf('msg'), ...status, role: anything, content: textOr(given) })])),
  assistant: object({ type: optional(anything), id: idOf('msg'), ...status, ...phase, role: anything, content: textOr(said) }),
})

const caller = { caller: maybe(record) } satisfies Fields
/** The members of the items that this engine understands, by `type`. */
export const ITEMS = {
  function_call: { type: anything, id: idOf('fc'), ...status, ...caller, async: optional(flag), namespace: optional(text()), call_id: callId, name: text(1, 64, NAME), arguments: text() },
  function_call_output: { type: anything, id: maybe(text()), ...status, ...caller, name: maybe(text()), namespace: maybe(text()), call_id: maybe(callId), output: textOr(given) },
  custom_tool_call: { type: anything, id: idOf('ctc'), ...status, ...caller, async: optional(flag), namespace: optional(text()), call_id: callId, name: text(1, 64, NAME), input: text() },
  custom_tool_call_output: { type: anything, id: optional(text()), ...caller, call_id: callId, output: textOr(given) },
  reasoning: {
    type: anything, id: idOf('rs'), ...status, summary: list(object({ type: oneOf('summary_text'), text: text() })), content: optional(list(object({ type: oneOf('reasoning_text'), text: text() }))),
    encrypted_content: maybe(text()),
  },
  item_reference: { type: anything, id: text(1) },
} as const satisfies Record<string, Fields>

/** Items of tools that the vendor runs, and of what it keeps: this engine reads nothing in them. */
const OTHER_ITEMS = [
  'file_search_call', 'computer_call', 'computer_call_output', 'web_search_call', 'tool_search_call', 'tool_search_output', 'additional_tools', 'configuration_update', 'compaction', 'image_generation_call',
  'code_interpreter_call', 'local_shell_call', 'local_shell_call_output', 'shell_call', 'shell_call_output', 'apply_patch_call', 'apply_patch_call_output', 'mcp_list_tools', 'mcp_approval_request',
  'mcp_approval_response', 'mcp_call', 'compaction_trigger', 'program', 'program_output',
]
const item = tagged('type', { message, ...Object.fromEntries(Object.entries(ITEMS).map(([type, fields]) => [type, object(fields)])), ...Object.fromEntries(OTHER_ITEMS.map((type) => [type, record])) }, 'message')

/** Members of tools that the client runs. */
const described = { type: anything, name: text(1, 64, NAME), description: maybe(text()), allowed_callers: maybe(list(oneOf('direct', 'programmatic'))), async: optional(flag), defer_loading: optional(flag) } satisfies Fields
export const TOOLS = {
  function: { ...described, parameters: maybe(record), strict: maybe(flag), output_schema: maybe(record) },
  custom: { ...described, format: optional(tagged('type', { text: object({ type: anything }), grammar: object({ type: anything, syntax: oneOf('lark', 'regex'), definition: text(1) }) })) },
} as const satisfies Record<string, Fields>
const OTHER_TOOLS = [
  'file_search', 'computer', 'computer_use_preview', 'web_search', 'web_search_2025_08_26', 'web_search_preview', 'web_search_preview_2025_03_11', 'mcp', 'code_interpreter', 'programmatic_tool_calling',
  'image_generation', 'local_shell', 'shell', 'namespace', 'tool_search', 'apply_patch',
]
const tool = tagged('type', { function: object(TOOLS.function), custom: object(TOOLS.custom), ...Object.fromEntries(OTHER_TOOLS.map((type) => [type, record])) })

const named = object({ type: anything, name: text(1) })
const toolChoice: Shape = (value, path) => typeof value === 'string' ? oneOf('none', 'auto', 'required')(value, path) : tagged('type', {
  function: named, custom: named, allowed_tools: object({ type: anything, mode: oneOf('auto', 'required'), tools: list(record, 1) }), mcp: record, ...Object.fromEntries(OTHER_TOOLS.map((type) => [type, object({ type: anything })])),
})(value, path)

const format = tagged('type', {
  text: object({ type: anything }), json_object: object({ type: anything }),
  json_schema: object({ type: anything, name: text(1, 64, NAME), description: optional(text()), schema: record, strict: maybe(flag) }),
})
const textConfig = object({ format: optional(format), verbosity: maybe(oneOf('low', 'medium', 'high')) })
const reasoning = object({
  effort: maybe(oneOf('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')), summary: maybe(oneOf('auto', 'concise', 'detailed')), generate_summary: maybe(oneOf('auto', 'concise', 'detailed')),
  context: maybe(oneOf('auto', 'current_turn', 'all_turns')), mode: optional(text()),
})
const include = oneOf(
  'file_search_call.results', 'web_search_call.results', 'web_search_call.action.sources', 'message.input_image.image_url', 'computer_call_output.output.image_url', 'code_interpreter_call.outputs',
  'reasoning.encrypted_content', 'message.output_text.logprobs',
)

const input = optional(textOr(list(item)))
const shared = {
  model: text(1), input, instructions: maybe(text()), conversation: maybe(textOr(record)), previous_response_id: maybe(text()), parallel_tool_calls: maybe(flag), reasoning: maybe(reasoning),
  tool_choice: maybe(toolChoice), tools: maybe(list(tool, 0, 128)), truncation: maybe(oneOf('auto', 'disabled')),
} satisfies Fields

/** POST /v1/responses. */
export const RESPONSE_FIELDS = {
  ...shared, access_programs: optional(record), background: maybe(flag), context_management: maybe(list(record)), image: optional(record), include: maybe(list(include)), max_output_tokens: maybe(integer(16)),
  max_tool_calls: maybe(integer(1)), metadata: maybe(record), moderation: maybe(record), prompt: maybe(record), prompt_cache_key: maybe(text()), prompt_cache_options: optional(record),
  prompt_cache_retention: maybe(oneOf('in_memory', '24h')), safety_identifier: maybe(text(0, 64)), service_tier: maybe(oneOf('auto', 'default', 'flex', 'scale', 'priority', 'fast', 'ultrafast')), store: maybe(flag),
  stream: maybe(flag), stream_options: maybe(object({ include_obfuscation: optional(flag) })), temperature: maybe(number(0, 2)), text: optional(textConfig), top_logprobs: maybe(integer(0, 20)),
  top_p: maybe(number(0, 1)), user: optional(text(0, 64)),
} as const satisfies Fields

/** POST /v1/responses/input_tokens. */
export const COUNT_FIELDS = { ...shared, personality: optional(text()), text: maybe(textConfig) } as const satisfies Fields
