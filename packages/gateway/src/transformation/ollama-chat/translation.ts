import type { TranslatingDialect } from '@headrace/contract'
import { JsonAnswerDecoder } from '../neutral/answer-reader.ts'
import { withCustomTools } from '../neutral/custom-tools.ts'
import { asText, asObject, parseJson } from '../relay/json-value.ts'
import { LineAnswerParser, LineStreamDecoder } from './decode-answer.ts'
import { decodeRequest } from './decode-request.ts'
import { LineJsonEncoder, LineStreamEncoder } from './encode-answer.ts'
import { encodeRequest } from './encode-request.ts'

const MESSAGE_LIMIT = 4_096

/** Ollama's own API, through the neutral form. */
export const ollamaChatTranslation: TranslatingDialect = Object.freeze({
  id: 'ollama-chat',
  decodeRequest, encodeRequest,
  createDecoder: stream => stream ? new LineStreamDecoder() : new JsonAnswerDecoder(new LineAnswerParser()),
  createEncoder: (stream, facts) => withCustomTools(stream ? new LineStreamEncoder(facts) : new LineJsonEncoder(facts), facts.call),
  urls: { image: false, file: false },
  contentType: stream => stream ? 'application/x-ndjson' : 'application/json; charset=utf-8',
  readRefusal(body) {
    const message = asText(asObject(parseJson(Buffer.from(body, 'latin1').toString('utf8')))?.['error'])
    return message === '' ? null : { message: message.slice(0, MESSAGE_LIMIT).toWellFormed(), param: null }
  },
} satisfies TranslatingDialect)
