/** Answers of a provider that speaks OpenAI's Responses, as bytes and objects that tests script. */

export const RESPONSE_USAGE = Object.freeze({ input_tokens: 13, input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 }, output_tokens: 3, output_tokens_details: { reasoning_tokens: 1 }, total_tokens: 16 })

const outputText = (text: string): Record<string, unknown> => ({ type: 'output_text', text, annotations: [], logprobs: [] })
export const outputMessage = (text: string, extra: Readonly<Record<string, unknown>> = {}): Record<string, unknown> =>
  ({ id: 'msg_1', type: 'message', status: 'completed', role: 'assistant', content: [outputText(text)], ...extra })

/** A response as JSON object. `extra` adds or replaces top-level fields. */
export const response = (output: readonly unknown[], extra: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  id: 'resp_1', object: 'response', created_at: 1_700_000_000, status: 'completed', background: false, completed_at: 1_700_000_001, error: null, incomplete_details: null, instructions: null, max_output_tokens: null,
  model: 'gpt-upstream', output, parallel_tool_calls: true, previous_response_id: null, store: true, temperature: 1, tool_choice: 'auto', tools: [], top_p: 1, usage: RESPONSE_USAGE, metadata: {}, ...extra,
})

/** Frames typed events, numbered from `first` on. */
export function responseEvents(events: readonly (Readonly<Record<string, unknown>> & { readonly type: string })[], first = 0): string[] {
  return events.map(({ type, ...rest }, index) => `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: first + index, ...rest })}\n\n`)
}

type Event = Readonly<Record<string, unknown>> & { readonly type: string }
const begun = { status: 'in_progress', completed_at: null, usage: null }

/** The events of a message's text, without its end. */
export const textBegun = (words: readonly string[]): Event[] => [
  { type: 'response.created', response: response([], begun) }, { type: 'response.in_progress', response: response([], begun) },
  { type: 'response.output_item.added', output_index: 0, item: outputMessage('', { status: 'in_progress', content: [] }) },
  { type: 'response.content_part.added', item_id: 'msg_1', output_index: 0, content_index: 0, part: outputText('') },
  ...words.map(delta => ({ type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, content_index: 0, delta, logprobs: [], obfuscation: 'x' })),
]

export const textEnded = (text: string): Event[] => [
  { type: 'response.output_text.done', item_id: 'msg_1', output_index: 0, content_index: 0, text, logprobs: [] },
  { type: 'response.content_part.done', item_id: 'msg_1', output_index: 0, content_index: 0, part: outputText(text) },
  { type: 'response.output_item.done', output_index: 0, item: outputMessage(text) },
  { type: 'response.completed', response: response([outputMessage(text)]) },
]

/** A whole stream of text. */
export const responseStream = (words: readonly string[]): string[] => responseEvents([...textBegun(words), ...textEnded(words.join(''))])
