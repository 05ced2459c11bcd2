import type { DialectId, Item } from '@headrace/contract'
import type { ContextDialect } from './context-turn.ts'
import { renderMessages as renderForMessages, renderSystem } from './transformation/anthropic-messages/render-messages.ts'
import { renderMessages as renderForChat } from './transformation/openai-chat/render-messages.ts'

/** Every dialect in which a conversation may be gone on with by `headrace-context`. */
export const CONTEXT_DIALECTS = Object.freeze({
  'openai-chat': Object.freeze({ member: 'messages', ending: 'data: [DONE]', apart: null, render: renderForChat, speakerOf: speakerInChat }),
  'anthropic-messages': Object.freeze({
    member: 'messages', ending: 'event: message_stop', apart: { member: 'system', render: renderSystem }, render: renderForMessages, speakerOf: speakerInMessages,
  }),
}) satisfies Partial<Record<DialectId, ContextDialect>>

/** Each result of a tool has a message of its own there, and so have those who speak; what an assistant says and calls in one go is one. */
function speakerInChat(item: Item): string {
  if (item.type === 'tool-result') return 'tool'
  return item.type !== 'message' || item.role === 'assistant' ? 'assistant' : 'other'
}

/** Two sides take turns there: results of tools and what a user says behind them are one message. The system stands outside. */
function speakerInMessages(item: Item): string {
  if (item.type === 'tool-result') return 'user'
  if (item.type !== 'message' || item.role === 'assistant') return 'assistant'
  return item.role === 'system' ? '' : 'user'
}
