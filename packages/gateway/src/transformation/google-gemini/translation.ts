import type { TranslatingDialect } from '@headrace/contract'
import { JsonAnswerDecoder } from '../neutral/answer-reader.ts'
import { readRefusal } from '../neutral/read-refusal.ts'
import { ContentAnswerParser } from './decode-answer.ts'
import { decodeRequest } from './decode-request.ts'
import { ContentJsonEncoder, ContentStreamEncoder } from './encode-answer.ts'
import { encodeRequest } from './encode-request.ts'
import { fitFormat } from './fit-format.ts'
import { ContentStreamDecoder } from './stream-decoder.ts'

/** Google's Gemini API, through the neutral form. */
export const googleGeminiTranslation: TranslatingDialect = Object.freeze({
  id: 'google-gemini',
  decodeRequest, encodeRequest, fitFormat, readRefusal,
  toolNames: { forbidden: /^[^A-Za-z_]|[^A-Za-z0-9_.-]/, limit: 64 },
  // What is fetched for it is understood by every model; what is not goes there as a URL, which newer ones fetch.
  urls: { image: false, file: false },
  createDecoder: stream => stream ? new ContentStreamDecoder() : new JsonAnswerDecoder(new ContentAnswerParser()),
  createEncoder: (stream, facts) => stream ? new ContentStreamEncoder(facts) : new ContentJsonEncoder(facts),
  resumeEncoder(facts, sent) {
    const encoder = new ContentStreamEncoder(facts)
    new ContentStreamDecoder().push(sent, event => encoder.event(event))
    return encoder.resume()
  },
  tokenCount: { field: 'totalTokens', encode: tokens => `{"totalTokens":${tokens}}` },
  contentType: (stream, facts) => stream && facts.array !== true ? 'text/event-stream' : 'application/json; charset=UTF-8',
} satisfies TranslatingDialect)
