/** Answers of an OpenAI-compatible provider, as bytes and objects that tests script. */

export const USAGE = Object.freeze({ prompt_tokens: 11, completion_tokens: 3, total_tokens: 14, prompt_tokens_details: { cached_tokens: 4 } })

/** A chat completion as JSON object. `extra` adds or replaces top-level fields. */
export const completion = (text: string, extra: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  id: 'chatcmpl-1', object: 'chat.completion', created: 1_700_000_000, model: 'upstream-model-2026',
  choices: [{ index: 0, message: { role: 'assistant', content: text, refusal: null }, logprobs: null, finish_reason: 'stop' }],
  usage: USAGE, ...extra,
})

const event = (fields: Readonly<Record<string, unknown>>): string =>
  `data: ${JSON.stringify({ id: 'chatcmpl-2', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'upstream-model-2026', ...fields })}\n\n`

export const textEvent = (content: string): string => event({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })
export const finishEvent = (reason = 'stop'): string => event({ choices: [{ index: 0, delta: {}, finish_reason: reason }] })
export const usageEvent = (): string => event({ choices: [], usage: USAGE })
export const DONE = 'data: [DONE]\n\n'

/** A whole stream, one event per element; with the final usage chunk unless told otherwise. */
export const stream = (words: readonly string[], usage = true): string[] =>
  [...words.map(textEvent), finishEvent(), ...(usage ? [usageEvent()] : []), DONE]

export const chatBody = (model: string, extra: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], ...extra })
