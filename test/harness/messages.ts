/** Answers of a provider that speaks Anthropic's Messages, as bytes and objects that tests script. */

export const MESSAGE_USAGE = Object.freeze({ input_tokens: 7, cache_read_input_tokens: 4, cache_creation_input_tokens: 2, output_tokens: 3 })

/** A message as JSON object. `extra` adds or replaces top-level fields. */
export const message = (content: readonly unknown[], extra: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-upstream', content, stop_reason: 'end_turn', stop_sequence: null, usage: MESSAGE_USAGE, ...extra,
})

export const messageEvent = (data: Readonly<Record<string, unknown>> & { readonly type: string }): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`

export const MESSAGE_START = messageEvent({ type: 'message_start', message: message([], { stop_reason: null, usage: { ...MESSAGE_USAGE, output_tokens: 1 } }) })
export const MESSAGE_STOP = messageEvent({ type: 'message_stop' })
export const messageEnd = (reason = 'end_turn', sequence: string | null = null): string =>
  messageEvent({ type: 'message_delta', delta: { stop_reason: reason, stop_sequence: sequence }, usage: { output_tokens: 3 } }) + MESSAGE_STOP

/** The events of one content block. */
export const block = (index: number, begin: Readonly<Record<string, unknown>>, deltas: readonly Readonly<Record<string, unknown>>[]): string[] => [
  messageEvent({ type: 'content_block_start', index, content_block: begin }),
  ...deltas.map(delta => messageEvent({ type: 'content_block_delta', index, delta })),
  messageEvent({ type: 'content_block_stop', index }),
]

export const textBlock = (index: number, words: readonly string[]): string[] => block(index, { type: 'text', text: '' }, words.map(text => ({ type: 'text_delta', text })))
export const toolBlock = (index: number, id: string, name: string, pieces: readonly string[]): string[] =>
  block(index, { type: 'tool_use', id, name, input: {} }, pieces.map(partial_json => ({ type: 'input_json_delta', partial_json })))

/** A whole stream of text. */
export const messageStream = (words: readonly string[]): string[] => [MESSAGE_START, messageEvent({ type: 'ping' }), ...textBlock(0, words), messageEnd()]
