import { readFileSync } from 'node:fs'
import { gatewayError, Exchange, NO_HOOKS, type ClientSink, type DialectId, type ResponseHead, type Snapshot, type Target } from '@headrace/contract'
import { fieldName } from '../../packages/gateway/src/transformation/neutral/field-names.ts'
import { anthropicMessages } from '../../packages/gateway/src/transformation/anthropic-messages/dialect.ts'
import { anthropicMessagesTranslation } from '../../packages/gateway/src/transformation/anthropic-messages/translation.ts'
import { cohere } from '../../packages/gateway/src/transformation/cohere/dialect.ts'
import { googleGemini } from '../../packages/gateway/src/transformation/google-gemini/dialect.ts'
import { googleGeminiTranslation } from '../../packages/gateway/src/transformation/google-gemini/translation.ts'
import { ollamaChat } from '../../packages/gateway/src/transformation/ollama-chat/dialect.ts'
import { ollamaChatTranslation } from '../../packages/gateway/src/transformation/ollama-chat/translation.ts'
import { openAiChat } from '../../packages/gateway/src/transformation/openai-chat/dialect.ts'
import { openAiChatTranslation } from '../../packages/gateway/src/transformation/openai-chat/translation.ts'
import { openAiResponses } from '../../packages/gateway/src/transformation/openai-responses/dialect.ts'
import { openAiResponsesTranslation } from '../../packages/gateway/src/transformation/openai-responses/translation.ts'
import { Answer } from '../../packages/gateway/src/answer.ts'
import { TranslatedAnswer } from '../../packages/gateway/src/translated-answer.ts'
import { Translator, type Dialects, type TranslatedCall } from '../../packages/gateway/src/translation.ts'

/**
 * One golden case, a text file `<client's dialect>--<provider's dialect>/<case>.wire`, in four sections between lines of `----`:
 * the client's body, after a line with its path in a dialect that names the model there; the body that the provider must get; the provider's status, content type and bytes, with `~~~~` lines where a read ends;
 * what the client must get (where both speak the same dialect, by the fast lane): status, the headers that tell of losses, an empty line, bytes. `[cut]` at the end = broken off.
 */
export interface WireCase {
  readonly client: DialectId
  readonly provider: DialectId
  readonly request: string
  readonly expectedRequest: string
  readonly status: number
  readonly contentType: string
  readonly reads: readonly string[]
  readonly expectedAnswer: string
  /** The first and the third section as they stand. */
  readonly given: readonly [string, string]
}

const SECTION = '\n----\n'
const READ = '~~~~\n'

const RELAY = { 'openai-chat': openAiChat, 'openai-responses': openAiResponses, 'anthropic-messages': anthropicMessages, 'google-gemini': googleGemini, 'ollama-chat': ollamaChat }
export const DIALECTS: Dialects = {
  relay: RELAY, clients: { ...RELAY, 'cohere-api': cohere },
  translating: { 'openai-chat': openAiChatTranslation, 'openai-responses': openAiResponsesTranslation, 'anthropic-messages': anthropicMessagesTranslation, 'google-gemini': googleGeminiTranslation, 'ollama-chat': ollamaChatTranslation },
}

export function readCase(folder: string, path: string): WireCase {
  const [client, provider] = folder.split('--') as [DialectId, DialectId] // the folders' names
  const [request = '', expectedRequest = '', answer = '', expectedAnswer = ''] = readFileSync(path, 'utf8').split(SECTION)
  const end = answer.indexOf('\n')
  const [status = '', contentType = ''] = answer.slice(0, end).split(' ', 2)
  return { client, provider, request, expectedRequest, status: Number(status), contentType, reads: answer.slice(end + 1).split(READ), expectedAnswer, given: [request, answer] }
}

/** The whole file, with what came out in the sections of what is expected. */
export const renderCase = (wire: WireCase, request: string, answer: string): string => [wire.given[0], request, wire.given[1], answer].join(SECTION)

const target = (dialect: DialectId): Target => ({
  provider: 'p', model: 'target-model', dialect, origin: { tls: true, host: 'p.test', port: 443, authority: 'p.test', proxy: null }, credentialId: null,
  paths: {} as Target['paths'], headers: '', timeouts: { connect: 1, firstToken: 1, idle: 1, total: 1 }, name: 'p/target-model', answerHeaders: '', usageOption: true, modelJson: '"target-model"',
})

/** The path with its query, where the request begins with one, and the body. */
function splitRequest(request: string): { readonly head: { readonly path: string, readonly query: string }, readonly body: Buffer } {
  const end = request.startsWith('/') ? request.indexOf('\n') : -1
  const [path = '', query = ''] = end < 0 ? [] : request.slice(0, end).split('?', 2)
  return { head: { path, query }, body: Buffer.from(request.slice(end + 1)) }
}

interface SentRequest {
  readonly x: Exchange
  /** Null = refused, or the fast lane. */
  readonly translated: TranslatedCall | null
  /** Null = refused, or translated. */
  readonly fast: { readonly withholdUsage: boolean } | null
  readonly text: string
}

/** The request for the provider, or the error that the client gets. The gateway asks for usage where the dialect has an option for it. */
export function translateRequest(wire: WireCase): SentRequest {
  const snapshot = { hooks: NO_HOOKS, policy: { logBodies: 'none', holdLimit: 1_000_000 } } as unknown as Snapshot
  const x = new Exchange('id-1', snapshot, wire.client, 'chat', 1_700_000_000_000, 0)
  const { head, body } = splitRequest(wire.request)
  const scanned = DIALECTS.relay[wire.client].scanRequest(body, 'chat', { jsonDepth: 64 }, head)
  if (!scanned.ok) return { x, translated: null, fast: null, text: `refused: ${scanned.error.message}` }
  x.model = scanned.value.model
  x.stream = scanned.value.stream
  x.target = target(wire.provider)
  if (wire.client === wire.provider) {
    const dialect = DIALECTS.relay[wire.client]
    const own = dialect.withoutForeign?.(scanned.value) ?? scanned.value
    x.dropped = own === scanned.value ? '' : fieldName(wire.client, 'thoughts')
    return { x, translated: null, fast: { withholdUsage: !scanned.value.includeUsage }, text: Buffer.from(dialect.spliceRequest(own, x.target.modelJson, true), 'latin1').toString('utf8') }
  }
  const translated = new Translator(DIALECTS, x, body, scanned.value.path).translate(x.target)
  if (!translated.ok) return { x, translated: null, fast: null, text: `refused: ${translated.error.message}` }
  if (translated.value.kind !== 'conversation') throw new Error('wire files hold conversations')
  x.dropped = translated.value.dropped
  x.approximated = translated.value.approximated
  return { x, translated: translated.value, fast: null, text: Buffer.from(translated.value.request.body, 'latin1').toString('utf8') }
}

/** What the client gets when the provider's bytes come in these reads. */
export function translateAnswer(wire: WireCase, reads: readonly Buffer[]): string {
  const { x, translated, fast, text } = translateRequest(wire)
  if (translated === null && fast === null) return text
  x.upstreamStatus = wire.status
  const sink = new TextSink()
  const head: ResponseHead = { header: name => name === 'content-type' ? wire.contentType : undefined }
  const relay = DIALECTS.relay[wire.client]
  const answer = translated === null ? new Answer(x, relay, sink, wire.status, head, fast?.withholdUsage === true) : new TranslatedAnswer(x, translated, sink, wire.status, head)
  for (const read of reads) {
    if (answer.streamError !== null) break
    const shared = Buffer.from(read)
    answer.take(shared, false)
    shared.fill(0x21)
  }
  const error = answer.streamError ?? answer.end()
  if (error === null) return sink.text
  if (x.committedAt !== 0) answer.breakOff(error)
  else if (error.kind !== 'upstream-invalid-request' || !answer.handOnRefusal(() => false)) {
    const told = relay.encodeError(gatewayError(error.kind, error.message, error), 'id-1')
    sink.respond(told.status, told.headers, told.body)
  }
  return sink.text
}

/** A client that writes down what it gets. */
class TextSink implements ClientSink {
  listener = null
  readonly closed = false
  #head = ''
  #body = ''
  #end = ''

  get text(): string {
    return `${this.#head}\n${Buffer.from(this.#body, 'latin1').toString('utf8')}${this.#end}`
  }

  respond(status: number, headers: string, body: Buffer | string): void {
    this.begin(status, headers)
    this.write(body)
  }

  begin(status: number, headers: string): void {
    this.#head = `${status}\n${headers.split('\r\n').filter(line => /^headrace-(dropped|approximated)|^retry-after:/.test(line)).map(line => `${line}\n`).join('')}`
  }

  write(chunk: Buffer | string): boolean {
    this.#body += typeof chunk === 'string' ? chunk : chunk.latin1Slice()
    return true
  }

  end(): void {}

  abort(): void {
    this.#end = '[cut]'
  }
}
