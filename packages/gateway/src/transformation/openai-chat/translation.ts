import type { TranslatingDialect } from '@headrace/contract'
import { JsonAnswerDecoder, StreamAnswerDecoder } from '../neutral/answer-reader.ts'
import { withCustomTools } from '../neutral/custom-tools.ts'
import { readRefusal } from '../neutral/read-refusal.ts'
import { ChatAnswerParser } from './decode-answer.ts'
import { decodeRequest } from './decode-request.ts'
import { ChatJsonEncoder, ChatStreamEncoder } from './encode-answer.ts'
import { encodeRequest } from './encode-request.ts'
import { fitFormat } from './fit-format.ts'

/** OpenAI's Chat Completions, through the neutral form. */
export const openAiChatTranslation: TranslatingDialect = Object.freeze({
  id: 'openai-chat',
  decodeRequest, encodeRequest, fitFormat, readRefusal,
  toolNames: { forbidden: /[^A-Za-z0-9_-]/, limit: 64 },
  createDecoder: stream => stream ? new StreamAnswerDecoder(new ChatAnswerParser()) : new JsonAnswerDecoder(new ChatAnswerParser()),
  createEncoder: (stream, facts) => withCustomTools(stream ? new ChatStreamEncoder(facts) : new ChatJsonEncoder(facts), facts.call),
  urls: { image: true, file: false },
  contentType: stream => stream ? 'text/event-stream; charset=utf-8' : 'application/json',
} satisfies TranslatingDialect)
