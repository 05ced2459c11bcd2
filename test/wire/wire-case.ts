import { readFileSync } from 'node:fs'
import { gatewayError, Exchange, NO_HOOKS, type ClientSink, type DialectId, type Operation, type ResponseHead, type Snapshot, type Target } from '@headrace/contract'
import { anthropicMessages } from '../../packages/gateway/src/transformation/anthropic-messages/dialect.ts'
import { anthropicMessagesTranslation } from '../../packages/gateway/src/transformation/anthropic-messages/translation.ts'
import { openAiChat } from '../../packages/gateway/src/transformation/openai-chat/dialect.ts'
import { openAiChatTranslation } from '../../packages/gateway/src/transformation/openai-chat/translation.ts'
import { TranslatedAnswer } from '../../packages/gateway/src/translated-answer.ts'
import { Translator, type Dialects, type Translated } from '../../packages/gateway/src/translation.ts'

/**
 * One golden case, a text file `<client's dialect>--<provider's dialect>/<case>.wire`, in four sections between lines of `----`:
 * the client's body; the body that the provider must get; the provider's status, content type and bytes, with `~~~~` lines where a read ends;
 * what the client must get: status, the headers that tell of losses, an empty line, bytes. `[cut]` at the end = broken off.
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

export const DIALECTS: Dialects = {
  relay: { 'openai-chat': openAiChat, 'anthropic-messages': anthropicMessages },
  translating: { 'openai-chat': openAiChatTranslation, 'anthropic-messages': anthropicMessagesTranslation },
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
  paths: {} as Record<Operation, string>, headers: '', timeouts: { connect: 1, firstToken: 1, idle: 1, total: 1 }, name: 'p/target-model', answerHeaders: '', usageOption: true, modelJson: '"target-model"',
})

/** The request for the provider, or the error that the client gets. */
export function translateRequest(wire: WireCase): { readonly x: Exchange, readonly translated: Translated | null, readonly text: string } {
  const snapshot = { hooks: NO_HOOKS, policy: { logBodies: 'none' } } as unknown as Snapshot
  const x = new Exchange('id-1', snapshot, wire.client, 'chat', 1_700_000_000_000, 0)
  const body = Buffer.from(wire.request)
  const scanned = DIALECTS.relay[wire.client].scanRequest(body, 'chat', { jsonDepth: 64 })
  if (!scanned.ok) return { x, translated: null, text: `refused: ${scanned.error.message}` }
  x.stream = scanned.value.stream
  x.target = target(wire.provider)
  const translated = new Translator(DIALECTS, x, body).translate(x.target)
  if (!translated.ok) return { x, translated: null, text: `refused: ${translated.error.message}` }
  x.dropped = translated.value.dropped
  x.approximated = translated.value.approximated
  return { x, translated: translated.value, text: Buffer.from(translated.value.request.body, 'latin1').toString('utf8') }
}

/** What the client gets when the provider's bytes come in these reads. */
export function translateAnswer(wire: WireCase, reads: readonly Buffer[]): string {
  const { x, translated, text } = translateRequest(wire)
  if (translated === null) return text
  x.upstreamStatus = wire.status
  const sink = new TextSink()
  const head: ResponseHead = { header: name => name === 'content-type' ? wire.contentType : undefined }
  const answer = new TranslatedAnswer(x, translated, sink, wire.status, head)
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
    const told = translated.client.relay.encodeError(gatewayError(error.kind, error.message, error), 'id-1')
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
