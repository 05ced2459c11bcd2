import type { DialectId } from '@headrace/contract'
import { GEMINI_PROBES } from './gemini-probes.ts'
import { OLLAMA_PROBES } from './ollama-probes.ts'
import { translateRequest } from './wire-case.ts'

interface Probe { readonly field: string, readonly body: Readonly<Record<string, unknown>> }

const PNG = 'iVBORw=='
const PDF = 'JVBERg=='
const CLOSED_SCHEMA = { type: 'object', properties: {}, required: [], additionalProperties: false }
const RANGE_SCHEMA = { ...CLOSED_SCHEMA, properties: { a: { type: 'integer', minimum: 1 } } }
const MAP_SCHEMA = { type: 'object', additionalProperties: { type: 'string' } }
const SCHEMA = { type: 'object', properties: {} }
const CHAT_TOOL = { type: 'function', function: { name: 'f', parameters: SCHEMA } }
const TOOL = { name: 'f', input_schema: SCHEMA }

const chatUser = (content: unknown): Record<string, unknown> => ({ messages: [{ role: 'user', content }] })
const assistant = (message: Readonly<Record<string, unknown>>): Record<string, unknown> => ({ messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: 'y', ...message }, { role: 'user', content: 'z' }] })
const looped = (result: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  ({ tools: [TOOL], messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'ok', ...result }] }] })

const RESPONSES_TOOL = { type: 'function', name: 'f', parameters: SCHEMA }
const input = (...items: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> => ({ input: [{ role: 'user', content: 'x' }, ...items] })
const called = (output: unknown): Record<string, unknown> => ({ tools: [RESPONSES_TOOL], ...input({ type: 'function_call', id: 'fc_1', call_id: 'c', name: 'f', arguments: '{}' }, { type: 'function_call_output', call_id: 'c', output }) })

/** One request per field: what is said of it is what the translation says itself. */
const PROBES: Readonly<Record<DialectId, readonly Probe[]>> = {
  'openai-chat': [
    { field: 'messages: system, developer, user, assistant', body: { messages: [{ role: 'developer', content: 'x' }, { role: 'user', content: 'y' }, { role: 'assistant', content: 'z' }] } },
    { field: 'messages: system after the first turn', body: { messages: [{ role: 'user', content: 'x' }, { role: 'system', content: 'y' }] } },
    { field: 'messages[].name', body: { messages: [{ role: 'user', content: 'x', name: 'n' }] } },
    { field: 'messages[].tool_calls, role tool', body: { tools: [CHAT_TOOL], messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] }, { role: 'tool', tool_call_id: 'c', content: 'ok' }] } },
    { field: 'messages[].refusal', body: assistant({ refusal: 'no' }) },
    { field: 'messages[]: anything else', body: assistant({ annotations: [1] }) },
    { field: 'messages[].reasoning_content', body: assistant({ reasoning_content: 'hm' }) },
    { field: 'messages[].reasoning_details with a signature of the same vendor', body: assistant({ reasoning_details: [{ type: 'reasoning.text', text: 'hm', signature: 's', format: 'anthropic-claude-v1' }] }) },
    { field: 'content: image_url (bytes)', body: chatUser([{ type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }]) },
    { field: 'content: image_url (URL)', body: chatUser([{ type: 'image_url', image_url: { url: 'https://x.test/a.png' } }]) },
    { field: 'content: image_url.detail', body: chatUser([{ type: 'image_url', image_url: { url: 'https://x.test/a.png', detail: 'low' } }]) },
    { field: 'content: file (bytes)', body: chatUser([{ type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF}` } }]) },
    { field: 'content: input_audio', body: chatUser([{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }]) },
    { field: 'tools (function)', body: { tools: [CHAT_TOOL] } },
    { field: 'tools[].function.strict', body: { tools: [{ type: 'function', function: { name: 'f', parameters: CLOSED_SCHEMA, strict: true } }] } },
    { field: 'tools[].function.strict (rules that structured outputs lack)', body: { tools: [{ type: 'function', function: { name: 'f', parameters: RANGE_SCHEMA, strict: true } }] } },
    { field: 'tools (custom)', body: { tools: [{ type: 'custom', custom: { name: 'f' } }] } },
    { field: 'tool_choice', body: { tools: [CHAT_TOOL], tool_choice: 'required' } },
    { field: 'parallel_tool_calls', body: { tools: [CHAT_TOOL], parallel_tool_calls: false } },
    { field: 'response_format: json_schema', body: { response_format: { type: 'json_schema', json_schema: { name: 's', schema: CLOSED_SCHEMA } } } },
    { field: 'response_format: json_schema (open objects, ranges, patterns)', body: { response_format: { type: 'json_schema', json_schema: { name: 's', schema: { ...RANGE_SCHEMA, additionalProperties: undefined } } } } },
    { field: 'response_format: json_schema (maps)', body: { response_format: { type: 'json_schema', json_schema: { name: 's', schema: MAP_SCHEMA } } } },
    { field: 'response_format: json_object', body: { ...chatUser('JSON'), response_format: { type: 'json_object' } } },
    { field: 'reasoning_effort', body: { reasoning_effort: 'low' } },
    { field: 'max_tokens, max_completion_tokens', body: { max_completion_tokens: 50 } },
    { field: 'temperature up to 1', body: { temperature: 0.5 } }, { field: 'temperature above 1', body: { temperature: 1.5 } },
    { field: 'top_p', body: { top_p: 0.5 } }, { field: 'top_p beside temperature', body: { top_p: 0.5, temperature: 0.5 } },
    { field: 'stop', body: { stop: ['END'] } }, { field: 'stop (white space alone)', body: { stop: ['\n'] } },
    { field: 'stream, stream_options', body: { stream: true, stream_options: { include_usage: true } } },
    { field: 'user', body: { user: 'u' } },
    ...Object.entries({
      n: 2, seed: 1, frequency_penalty: 1, presence_penalty: 1, logit_bias: { 5: 1 }, logprobs: true, top_logprobs: 1, metadata: { a: 'b' }, service_tier: 'flex', store: true, modalities: ['text', 'audio'],
      audio: { voice: 'v', format: 'mp3' }, prediction: { type: 'content', content: 'x' }, verbosity: 'low', prompt_cache_key: 'k', safety_identifier: 's', web_search_options: { user_location: null },
    }).map(([field, value]) => ({ field, body: { [field]: value } })),
    { field: 'anything unknown', body: { anything_unknown: 1 } },
  ],
  'openai-responses': [
    { field: 'input (text), instructions', body: { instructions: 'x', input: 'y' } },
    { field: 'input: system, developer, user, assistant', body: input({ role: 'developer', content: 'x' }, { type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: 'y', annotations: [] }] }, { role: 'user', content: 'z' }) },
    { field: 'input: function_call, function_call_output', body: called('ok') },
    { field: 'input: function_call_output with images', body: called([{ type: 'input_image', image_url: `data:image/png;base64,${PNG}` }]) },
    { field: 'input: custom_tool_call, custom_tool_call_output', body: { tools: [{ type: 'custom', name: 'f' }], ...input({ type: 'custom_tool_call', call_id: 'c', name: 'f', input: 'x' }, { type: 'custom_tool_call_output', call_id: 'c', output: 'ok' }) } },
    { field: 'input: reasoning, encrypted_content', body: input({ type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'e' }, { role: 'assistant', content: 'y' }, { role: 'user', content: 'z' }) },
    { field: 'input: reasoning of the provider\'s own vendor', body: input({ type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'headrace:anthropic-messages:signature:s' }, { role: 'assistant', content: 'y' }, { role: 'user', content: 'z' }) },
    { field: 'input: calls of tools that the vendor runs (web search, MCP and so on)', body: input({ type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'x' } }, { type: 'mcp_call', id: 'mcp_1', server_label: 's', name: 'n', arguments: '{}', output: 'o' }) },
    { field: 'input: item_reference, compaction', body: input({ type: 'item_reference', id: 'msg_1' }) },
    { field: 'input[].phase', body: input({ type: 'message', role: 'assistant', content: 'y', phase: 'commentary' }, { role: 'user', content: 'z' }) },
    { field: 'content: refusal', body: input({ role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] }, { role: 'user', content: 'z' }) },
    { field: 'content: annotations', body: input({ role: 'assistant', content: [{ type: 'output_text', text: 'y', annotations: [{ type: 'url_citation' }] }] }, { role: 'user', content: 'z' }) },
    { field: 'content: input_image (bytes)', body: input({ role: 'user', content: [{ type: 'input_image', image_url: `data:image/png;base64,${PNG}` }] }) },
    { field: 'content: input_image (URL)', body: input({ role: 'user', content: [{ type: 'input_image', image_url: 'https://x.test/a.png' }] }) },
    { field: 'content: input_image.detail', body: input({ role: 'user', content: [{ type: 'input_image', image_url: 'https://x.test/a.png', detail: 'low' }] }) },
    { field: 'content: input_image, file id', body: input({ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }) },
    { field: 'content: input_file (bytes)', body: input({ role: 'user', content: [{ type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF}` }] }) },
    { field: 'content: input_file (URL)', body: input({ role: 'user', content: [{ type: 'input_file', file_url: 'https://x.test/a.pdf' }] }) },
    { field: 'content: prompt_cache_breakpoint', body: input({ role: 'user', content: [{ type: 'input_text', text: 'y', prompt_cache_breakpoint: { mode: 'explicit' } }] }) },
    { field: 'tools (function)', body: { tools: [RESPONSES_TOOL] } }, { field: 'tools[].strict', body: { tools: [{ ...RESPONSES_TOOL, parameters: CLOSED_SCHEMA, strict: true }] } },
    { field: 'tools (custom)', body: { tools: [{ type: 'custom', name: 'f' }] } }, { field: 'tools that the vendor runs, MCP servers', body: { tools: [{ type: 'web_search' }, { type: 'mcp', server_label: 's', server_url: 'https://x.test' }] } },
    { field: 'tool_choice', body: { tools: [RESPONSES_TOOL], tool_choice: { type: 'function', name: 'f' } } }, { field: 'tool_choice: allowed_tools', body: { tools: [RESPONSES_TOOL, { ...RESPONSES_TOOL, name: 'g' }], tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'g' }] } } },
    { field: 'tool_choice of a tool that the vendor runs', body: { tools: [{ type: 'web_search' }], tool_choice: { type: 'web_search_preview' } } },
    { field: 'parallel_tool_calls', body: { tools: [RESPONSES_TOOL], parallel_tool_calls: false } },
    { field: 'text.format: json_schema', body: { text: { format: { type: 'json_schema', name: 's', schema: CLOSED_SCHEMA } } } },
    { field: 'text.format: json_schema (maps)', body: { text: { format: { type: 'json_schema', name: 's', schema: MAP_SCHEMA } } } },
    { field: 'text.format: json_object', body: { input: 'JSON', text: { format: { type: 'json_object' } } } }, { field: 'text.verbosity', body: { text: { verbosity: 'low' } } },
    { field: 'reasoning.effort', body: { reasoning: { effort: 'low' } } }, { field: 'reasoning.summary', body: { reasoning: { effort: 'low', summary: 'auto' } } },
    { field: 'max_output_tokens', body: { max_output_tokens: 50 } }, { field: 'temperature up to 1', body: { temperature: 0.5 } }, { field: 'temperature above 1', body: { temperature: 1.5 } },
    { field: 'top_p', body: { top_p: 0.5 } }, { field: 'stream', body: { stream: true } }, { field: 'stream_options.include_obfuscation', body: { stream: true, stream_options: { include_obfuscation: true } } }, { field: 'user', body: { user: 'u' } },
    { field: 'include: reasoning.encrypted_content', body: { include: ['reasoning.encrypted_content'] } }, { field: 'include: message.output_text.logprobs', body: { include: ['message.output_text.logprobs'] } },
    { field: 'include: anything else', body: { include: ['web_search_call.results'] } },
    ...Object.entries({
      prompt: { id: 'pmpt_1' }, metadata: { a: 'b' }, service_tier: 'flex', truncation: 'auto', max_tool_calls: 3, top_logprobs: 1,
      prompt_cache_key: 'k', safety_identifier: 's', context_management: [{ type: 'compaction' }],
    }).map(([field, value]) => ({ field, body: { [field]: value } })),
    { field: 'anything unknown', body: { anything_unknown: 1 } },
  ],
  'anthropic-messages': [
    { field: 'system, messages', body: { system: 'x', messages: [{ role: 'user', content: 'y' }, { role: 'assistant', content: [{ type: 'text', text: 'z' }] }] } },
    { field: 'tool_use, tool_result', body: looped({}) },
    { field: 'tool_result.is_error', body: looped({ is_error: true }) },
    { field: 'tool_result with images', body: looped({ content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] }) },
    { field: 'thinking, redacted_thinking blocks', body: { messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: [{ type: 'thinking', thinking: 'h', signature: 's' }, { type: 'text', text: 'y' }] }, { role: 'user', content: 'z' }] } },
    { field: 'image (bytes, URL)', body: chatUser([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }]) },
    { field: 'image (file id)', body: chatUser([{ type: 'image', source: { type: 'file', file_id: 'f' } }]) },
    { field: 'document (bytes, text)', body: chatUser([{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: PDF } }]) },
    { field: 'document (URL)', body: chatUser([{ type: 'document', source: { type: 'url', url: 'https://x.test/a.pdf' } }]) },
    { field: 'document.citations, document.context', body: chatUser([{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'd' }, citations: { enabled: true } }]) },
    { field: 'search_result and other blocks', body: chatUser([{ type: 'search_result', source: 's', title: 't', content: [] }, { type: 'text', text: 'x' }]) },
    { field: 'blocks and tools: anything else', body: chatUser([{ type: 'text', text: 'x', anything: 1 }]) },
    { field: 'cache_control (on blocks and tools)', body: chatUser([{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }]) },
    { field: 'tools', body: { tools: [TOOL] } }, { field: 'tools that the vendor runs', body: { tools: [{ type: 'web_search_20250305', name: 'web_search' }] } },
    { field: 'tool_choice', body: { tools: [TOOL], tool_choice: { type: 'any' } } }, { field: 'tool_choice.disable_parallel_tool_use', body: { tools: [TOOL], tool_choice: { type: 'auto', disable_parallel_tool_use: true } } },
    { field: 'output_config.format', body: { output_config: { format: { type: 'json_schema', schema: CLOSED_SCHEMA } } } },
    { field: 'output_config.format (members that may be left out)', body: { output_config: { format: { type: 'json_schema', schema: { ...RANGE_SCHEMA, required: [] } } } } },
    { field: 'output_config.format (no object)', body: { output_config: { format: { type: 'json_schema', schema: { type: 'array', items: { type: 'string' } } } } } },
    { field: 'tools[].strict (members that may be left out)', body: { tools: [{ ...TOOL, strict: true, input_schema: { ...RANGE_SCHEMA, required: [] } }] } },
    { field: 'output_config.effort', body: { output_config: { effort: 'low' } } },
    { field: 'thinking: enabled', body: { thinking: { type: 'enabled', budget_tokens: 2000 } } }, { field: 'thinking: adaptive', body: { thinking: { type: 'adaptive' } } },
    { field: 'max_tokens', body: { max_tokens: 5 } }, { field: 'temperature, top_p', body: { temperature: 0.5, top_p: 0.5 } }, { field: 'stop_sequences', body: { stop_sequences: ['END'] } },
    { field: 'stop_sequences (more than four)', body: { stop_sequences: ['A', 'B', 'C', 'D', 'E'] } },
    { field: 'stream', body: { stream: true } }, { field: 'metadata.user_id', body: { metadata: { user_id: 'u' } } },
    { field: 'metadata.user_id (longer than 64)', body: { metadata: { user_id: 'u'.repeat(65) } } },
    { field: 'tools[].name (longer than 64)', body: { tools: [{ ...TOOL, name: 'n'.repeat(65) }] } },
    ...Object.entries({ top_k: 5, service_tier: 'standard_only', container: 'c', cache_control: { type: 'ephemeral' }, inference_geo: 'us', diagnostics: { previous_message_id: 'msg_1' }, context_management: { edits: [] }, mcp_servers: [{}] })
      .map(([field, value]) => ({ field, body: { [field]: value } })),
    { field: 'anything unknown', body: { anything_unknown: 1 } },
  ],
  'google-gemini': GEMINI_PROBES,
  'ollama-chat': OLLAMA_PROBES,
}

const MINIMAL = { 'openai-chat': chatUser('hi'), 'openai-responses': { input: 'hi' }, 'anthropic-messages': { max_tokens: 4_000, ...chatUser('hi') }, 'google-gemini': { contents: [{ parts: [{ text: 'hi' }] }] }, 'ollama-chat': chatUser('hi') } as const satisfies Record<DialectId, object>

function verdict(client: DialectId, provider: DialectId, { body }: Probe): string {
  const minimal = MINIMAL[client]
  const { translated, text } = translateRequest({
    client, provider, request: client === 'google-gemini' ? `/v1beta/models/m:generateContent\n${JSON.stringify({ ...minimal, ...body })}` : client === 'ollama-chat' ? `/api/chat\n${JSON.stringify({ model: 'm', ...minimal, ...body })}` : JSON.stringify({ model: 'm', ...minimal, ...body }), expectedRequest: '', status: 200, contentType: '', reads: [], expectedAnswer: '', given: ['', ''],
  })
  if (translated === null) return text
  const { notes } = translated
  return notes.length === 0 ? 'carried' : notes.map(note => note.loss === 'dropped' ? 'dropped' : `approximated: ${note.how}`).join('; ')
}

/** The page `docs/translation.md`. */
export function renderTable(): string {
  const names: readonly DialectId[] = ['openai-chat', 'openai-responses', 'anthropic-messages', 'google-gemini', 'ollama-chat']
  const pairs = names.flatMap(client => names.filter(provider => provider !== client).map(provider => [client, provider] as const))
  return `# What crosses from one dialect to another

Written by \`test/wire/translation-table.test.ts\` from what the translation itself reports, field by field. Where client and provider speak the same dialect the request
passes as it is, but for thoughts that another vendor sealed: its own would refuse them, and what is left out is named as below. What is kept of Responses (\`store\`, \`previous_response_id\`, \`conversation\`) is kept by the gateway, whoever the provider is
([contexts.md](contexts.md)). Whatever is dropped or approximated is named in the answer's headers \`headrace-dropped\` and \`headrace-approximated\`.
${pairs.map(([client, provider]) => `
## Client: \`${client}\`, provider: \`${provider}\`

| field of the request | what becomes of it |
|---|---|
${PROBES[client].map(probe => `| \`${probe.field}\` | ${verdict(client, provider, probe)} |`).join('\n')}
`).join('')}`
}
