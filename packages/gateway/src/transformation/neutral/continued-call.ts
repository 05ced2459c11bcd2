import { estimateTokens } from '@headrace/bytes'
import type { Call, MessageItem } from '@headrace/contract'

const GO_ON = 'Your answer was cut off by a technical fault. Go on at the very next character after it. Repeat nothing of it, and say nothing about the interruption.'

/** The call that asks for the rest of an answer of which `text` was said. */
export function continuedCall(call: Call, text: string, prefill: boolean): Call {
  if (text === '') return call
  const message = (role: 'user' | 'assistant', words: string): MessageItem => ({ type: 'message', role, name: '', parts: [{ type: 'text', text: words, cache: null, citations: null }] })
  // A beginning that ends in white space is refused by those who take one.
  const said = prefill ? [message('assistant', text.trimEnd())] : [message('assistant', text), message('user', GO_ON)]
  return { ...call, items: [...call.items, ...said], maxTokens: call.maxTokens < 0 ? -1 : Math.max(1, call.maxTokens - estimateTokens(text)) }
}
