import type { Call, DialectId } from '@headrace/contract'
import { asksLogprobs } from './asks-logprobs.ts'
import { fieldName } from './field-names.ts'
import { InvalidRequest } from './field-reader.ts'

/** An answer that lacks what was asked of it is worse than none: for a target that gives one answer per request. */
export function refuseChoices(call: Call): void {
  if (call.choices <= 1) return
  const field = fieldName(call.dialect, 'choices')
  throw new InvalidRequest(`The model that this request goes to gives one answer per request: send several requests, or name another model. ("${field}" is ${call.choices}.)`, field)
}

/** The same, for a target that tells no log probabilities. */
export function refuseLogprobs(call: Call): void {
  if (!asksLogprobs(call.extras)) return
  throw new InvalidRequest('The model that this request goes to tells no log probabilities: leave them out, or name another model.', 'logprobs')
}

/** A part of the conversation that stands in Google's cache alone: without it the rest means something else. */
export function refuseCachedContent(call: Call): void {
  if (call.dialect !== 'google-gemini' || !call.extras.has('cachedContent')) return
  throw new InvalidRequest('"cachedContent" names what only Google holds, and the model that this request goes to is not Google\'s: send the content itself, or name another model.', 'cachedContent')
}

const CONVERSATIONS = Object.freeze({ 'openai-chat': 'messages', 'openai-responses': 'input', 'anthropic-messages': 'messages', 'google-gemini': 'contents', 'ollama-chat': 'messages' } as const satisfies Record<DialectId, string>)

/** A conversation of which nothing can be said to the target: `left` items of it. */
export function refuseNothing(call: Call, left: number): void {
  if (left > 0) return
  const field = CONVERSATIONS[call.dialect]
  throw new InvalidRequest(`"${field}" holds nothing that can be said to the model that this request goes to.`, field)
}
