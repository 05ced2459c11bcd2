import type { DialectId } from '@headrace/contract'
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
    { field: 'response_format: json_object', body: { response_format: { type: 'json_object' } } },
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
    ...Object.entries({ top_k: 5, service_tier: 'auto', container: 'c', cache_control: { type: 'ephemeral' }, inference_geo: 'us', diagnostics: {}, context_management: { edits: [] }, mcp_servers: [{}] })
      .map(([field, value]) => ({ field, body: { [field]: value } })),
    { field: 'anything unknown', body: { anything_unknown: 1 } },
  ],
}

function verdict(client: DialectId, provider: DialectId, { body }: Probe): string {
  const minimal = client === 'openai-chat' ? chatUser('hi') : { max_tokens: 4_000, ...chatUser('hi') }
  const { translated, text } = translateRequest({
    client, provider, request: JSON.stringify({ model: 'm', ...minimal, ...body }), expectedRequest: '', status: 200, contentType: '', reads: [], expectedAnswer: '', given: ['', ''],
  })
  if (translated === null) return text
  const { notes } = translated
  return notes.length === 0 ? 'carried' : notes.map(note => note.loss === 'dropped' ? 'dropped' : `approximated: ${note.how}`).join('; ')
}

/** The page `docs/translation.md`. */
export function renderTable(): string {
  const names: readonly DialectId[] = ['openai-chat', 'anthropic-messages']
  const pairs = names.flatMap(client => names.filter(provider => provider !== client).map(provider => [client, provider] as const))
  return `# What crosses from one dialect to another

Written by \`test/wire/translation-table.test.ts\` from what the translation itself reports, field by field. Where client and provider speak the same dialect the request
passes as it is, and nothing of this applies. Whatever is dropped or approximated is named in the answer's headers \`headrace-dropped\` and \`headrace-approximated\`.
${pairs.map(([client, provider]) => `
## Client: \`${client}\`, provider: \`${provider}\`

| field of the request | what becomes of it |
|---|---|
${PROBES[client].map(probe => `| \`${probe.field}\` | ${verdict(client, provider, probe)} |`).join('\n')}
`).join('')}`
}
