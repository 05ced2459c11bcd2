import type { TranslatingDialect } from '@headrace/contract'
import { JsonAnswerDecoder, StreamAnswerDecoder } from '../neutral/answer-reader.ts'
import { readRefusal } from '../neutral/read-refusal.ts'
import { MessageAnswerParser } from './decode-answer.ts'
import { decodeRequest } from './decode-request.ts'
import { MessageJsonEncoder, MessageStreamEncoder } from './encode-answer.ts'
import { encodeRequest } from './encode-request.ts'
import { fitFormat } from './fit-schema.ts'

/** Anthropic's Messages, through the neutral form. */
export const anthropicMessagesTranslation: TranslatingDialect = Object.freeze({
  id: 'anthropic-messages',
  decodeRequest, encodeRequest, fitFormat, readRefusal,
  toolNames: { forbidden: /[^A-Za-z0-9_-]/, limit: 128 },
  createDecoder: stream => stream ? new StreamAnswerDecoder(new MessageAnswerParser()) : new JsonAnswerDecoder(new MessageAnswerParser()),
  createEncoder: (stream, facts) => stream ? new MessageStreamEncoder(facts) : new MessageJsonEncoder(facts),
  tokenCount: { field: 'input_tokens', encode: tokens => `{"input_tokens":${tokens}}` },
  contentType: stream => stream ? 'text/event-stream; charset=utf-8' : 'application/json',
} satisfies TranslatingDialect)
