import type { DialectId, RelayDialect, StreamEvent, Target, TranslatingDialect } from '@headrace/contract'
import { UNKNOWN_USAGE } from '@headrace/contract'

/** One dialect under test. */
export interface Speaker { readonly id: DialectId, readonly relay: RelayDialect, readonly translating: TranslatingDialect }

/** Events of one streamed answer. */
export const EVENTS = 50
const REQUEST_CHARS = 700
const ANSWER_CHARS = 1_000

/** The path that a client of each dialect asks at. */
const PATHS = Object.freeze({
  'openai-chat': (_model: string, _stream: boolean) => '/v1/chat/completions',
  'openai-responses': (_model: string, _stream: boolean) => '/v1/responses',
  'anthropic-messages': (_model: string, _stream: boolean) => '/v1/messages',
  'google-gemini': (model: string, stream: boolean) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  'ollama-chat': (_model: string, _stream: boolean) => '/api/chat',
} as const satisfies Record<DialectId, (model: string, stream: boolean) => string>)

const TARGET = (model: string): Target => ({
  provider: 'bench', model, dialect: 'openai-chat', origin: { tls: false, host: '127.0.0.1', port: 1, authority: '127.0.0.1', proxy: null }, credentialId: null,
  paths: {} as Target['paths'], // not asked for
  headers: '', timeouts: { connect: 1, firstToken: 1, idle: 1, total: 1 }, name: '', answerHeaders: '', usageOption: false, modelJson: '',
})

/** The same question in any dialect, as a whole HTTP request; the dialects' own encoders write it, so that a new one is measured without a line here but its path. */
export function clientRequest(speaker: Speaker, chat: TranslatingDialect, model: string, stream: boolean, key: string): string {
  const question = 'what holds the water back? '.repeat(40).slice(0, REQUEST_CHARS)
  const decoded = chat.decodeRequest(Buffer.from(JSON.stringify({
    model, stream, max_tokens: 500, temperature: 0.7, messages: [{ role: 'system', content: 'You are a helpful assistant.' }, { role: 'user', content: question }],
    ...(stream ? { stream_options: { include_usage: true } } : {}),
  })), { model, stream })
  if (!decoded.ok) throw new Error(decoded.error.message)
  const encoded = speaker.translating.encodeRequest(decoded.value, TARGET(model))
  if (!encoded.ok) throw new Error(encoded.error.message)
  const { body, headers } = encoded.value
  return `POST ${PATHS[speaker.id](model, stream)} HTTP/1.1\r\nHost: bench.test\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** What a provider of this dialect answers, as a whole HTTP response; a stream comes in one piece. */
export function providerAnswer(speaker: Speaker, stream: boolean): string {
  const facts = { requestId: 'bench-1', model: 'bench', created: 1_760_000_000, includeUsage: true, array: false }
  const encoder = speaker.translating.createEncoder(stream, facts)
  const events = [...answerEvents(stream ? EVENTS : 1)].map(event => encoder.event(event))
  const type = speaker.translating.contentType(stream, facts)
  if (!stream) {
    const body = events.join('')
    return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }
  return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n${events.filter(text => text !== '').map(text => `${text.length.toString(16)}\r\n${text}\r\n`).join('')}0\r\n\r\n`
}

function* answerEvents(deltas: number): Generator<StreamEvent> {
  yield { type: 'start', id: 'bench-answer-1', model: 'bench', created: 1_760_000_000 }
  const text = 'headrace '.repeat(ANSWER_CHARS)
  const share = deltas === 1 ? ANSWER_CHARS : 4
  for (let at = 0; at < deltas; at++) yield { type: 'text-delta', choice: 0, item: 0, text: text.slice(at * share, (at + 1) * share) }
  yield { type: 'item-end', choice: 0, item: 0 }
  yield { type: 'usage', usage: { ...UNKNOWN_USAGE, inputTokens: 180, outputTokens: 220 } }
  yield { type: 'finish', choice: 0, reason: 'stop', raw: 'stop', sequence: '' }
  yield { type: 'end' }
}
