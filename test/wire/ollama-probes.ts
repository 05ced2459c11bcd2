const PNG = 'iVBORw=='
const SCHEMA = { type: 'object', properties: {}, required: [], additionalProperties: false }
const TOOL = { type: 'function', function: { name: 'f', parameters: SCHEMA } }
const said = (message: Readonly<Record<string, unknown>>): Record<string, unknown> => ({ messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: 'y', ...message }, { role: 'user', content: 'z' }] })
const option = (members: object): Record<string, unknown> => ({ options: members })

/** One request per field of a request of Ollama's API. */
export const OLLAMA_PROBES: readonly { readonly field: string, readonly body: Readonly<Record<string, unknown>> }[] = [
  { field: 'messages: system, user, assistant', body: { messages: [{ role: 'system', content: 's' }, { role: 'user', content: 'x' }, { role: 'assistant', content: 'y' }, { role: 'user', content: 'z' }] } },
  { field: 'messages[].tool_calls, role tool', body: { tools: [TOOL], messages: [{ role: 'user', content: 'x' }, { role: 'assistant', content: '', tool_calls: [{ function: { name: 'f', arguments: {} } }] }, { role: 'tool', tool_name: 'f', content: 'ok' }] } },
  { field: 'messages[].images', body: { messages: [{ role: 'user', content: 'x', images: [PNG] }] } },
  { field: 'messages[].thinking', body: said({ thinking: 'hm' }) },
  { field: 'messages[]: anything else', body: said({ other: 1 }) },
  { field: 'tools', body: { tools: [TOOL] } },
  { field: 'format: a schema', body: { format: SCHEMA } }, { field: 'format: json', body: { messages: [{ role: 'user', content: 'JSON' }], format: 'json' } },
  { field: 'think: true', body: { think: true } }, { field: 'think: false', body: { think: false } }, { field: 'think: low, medium, high', body: { think: 'low' } },
  { field: 'options.num_predict', body: option({ num_predict: 50 }) }, { field: 'options.temperature up to 1', body: option({ temperature: 0.5 }) }, { field: 'options.temperature above 1', body: option({ temperature: 1.5 }) },
  { field: 'options.top_p', body: option({ top_p: 0.5 }) }, { field: 'options.top_k', body: option({ top_k: 5 }) }, { field: 'options.seed', body: option({ seed: 1 }) }, { field: 'options.stop', body: option({ stop: ['END'] }) },
  { field: 'options.frequency_penalty, options.presence_penalty', body: option({ frequency_penalty: 0.5, presence_penalty: 0.5 }) },
  { field: 'options: anything else (num_ctx, repeat_penalty)', body: option({ num_ctx: 4_096 }) },
  { field: 'stream', body: { stream: true } },
  ...Object.entries({ keep_alive: '5m', template: 't', raw: true, context: [1], logprobs: true }).map(([field, value]) => ({ field, body: { [field]: value } })),
  { field: 'anything unknown', body: { anything_unknown: 1 } },
]
