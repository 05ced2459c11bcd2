import type { TranslatingDialect } from '@headrace/contract'
import { JsonAnswerDecoder, StreamAnswerDecoder } from '../neutral/answer-reader.ts'
import { withCustomTools } from '../neutral/custom-tools.ts'
import { readRefusal } from '../neutral/read-refusal.ts'
import { fitFormat } from '../openai-chat/fit-format.ts'
import { ResponseAnswerParser } from './decode-answer.ts'
import { decodeRequest } from './decode-request.ts'
import { ResponseJsonEncoder, ResponseStreamEncoder } from './encode-answer.ts'
import { encodeRequest } from './encode-request.ts'
import { readSentResponse } from './sent-response.ts'

/** OpenAI's Responses, through the neutral form. */
export const openAiResponsesTranslation: TranslatingDialect = Object.freeze({
  id: 'openai-responses',
  decodeRequest, encodeRequest, fitFormat, readRefusal,
  toolNames: { forbidden: /[^A-Za-z0-9_-]/, limit: 64 },
  createDecoder: stream => stream ? new StreamAnswerDecoder(new ResponseAnswerParser()) : new JsonAnswerDecoder(new ResponseAnswerParser()),
  createEncoder: (stream, facts) => withCustomTools(stream ? new ResponseStreamEncoder(facts) : new ResponseJsonEncoder(facts), facts.call),
  resumeEncoder(facts, sent) {
    const response = readSentResponse(sent, facts)
    return response === null ? null : withCustomTools(new ResponseStreamEncoder(facts, response), facts.call)
  },
  tokenCount: { field: 'input_tokens', encode: tokens => `{"object":"response.input_tokens","input_tokens":${tokens}}` },
  contentType: stream => stream ? 'text/event-stream; charset=utf-8' : 'application/json',
} satisfies TranslatingDialect)
