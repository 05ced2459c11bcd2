import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ClientSink, Dispatch, Exchange, GatewayError, KnownProvider, Outcome, RequestHead, Snapshot, UpstreamRequest } from '@headrace/contract'
import { loadConfig } from '@headrace/contract/config'
import { FlightTable } from '../../packages/gateway/src/coalescing/flight-table.ts'
import type { JourneyLayers } from '../../packages/gateway/src/journey-request.ts'
import { createJourney } from '../../packages/gateway/src/journey.ts'
import { DIALECTS } from '../../packages/gateway/src/main.ts'
import type { IntentHolder } from '../../packages/gateway/src/observability/journal.ts'
import { Capacity } from '../../packages/gateway/src/orchestration/capacity/capacity.ts'
import { compileSnapshot, type CompiledConfig } from '../../packages/gateway/src/orchestration/compile-snapshot.ts'
import { TargetBoard } from '../../packages/gateway/src/orchestration/health/target-board.ts'
import { TargetPicker } from '../../packages/gateway/src/orchestration/health/target-picker.ts'
import { HedgeBudget } from '../../packages/gateway/src/orchestration/hedge-budget.ts'
import { Limiter } from '../../packages/gateway/src/orchestration/limits/limiter.ts'
import { Pacing } from '../../packages/gateway/src/orchestration/pacing/pacing.ts'
import { RetryBudget } from '../../packages/gateway/src/orchestration/retry-policy.ts'
import { ShadowBook } from '../../packages/gateway/src/orchestration/shadow-book.ts'

/**
 * One provider's golden file, `<id>.wire`, in sections between lines of `----`: a client's body and what leaves for it; the provider's answer and what the client gets; the same for
 * a stream (the same body with `stream`), and for a refusal. Answers begin with a line of status and content type; what the client gets ends with a line of what is put on record.
 */
export interface ProviderCase { readonly request: string, readonly answer: string, readonly stream: string, readonly refusal: string }

/** What came of a case. */
export interface CaseResult { readonly sent: string, readonly answer: string, readonly streamSent: string, readonly stream: string, readonly refusal: string }

const SECTION = '\n----\n'
export const CLIENT_KEY = 'client-key-0123456789'
const PROVIDER_KEY = 'PROVIDER-KEY'
/** The key file of a service account, where a variable names one. */
let keyFile = ''
const readKeyFile = (): string => keyFile ||= JSON.stringify({
  type: 'service_account', client_email: 'headrace@my-project.iam.gserviceaccount.com', token_uri: 'https://oauth2.googleapis.com/token',
  private_key: generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey,
})

export const readCase = (path: string): { readonly given: ProviderCase, readonly expected: CaseResult } => parseCase(readFileSync(path, 'utf8'))

export function parseCase(text: string): { readonly given: ProviderCase, readonly expected: CaseResult } {
  const [request = '', sent = '', answerGiven = '', answer = '', streamSent = '', streamGiven = '', stream = '', refusalGiven = '', refusal = ''] = text.split(SECTION)
  return { given: { request, answer: answerGiven, stream: streamGiven, refusal: refusalGiven }, expected: { sent, answer, streamSent, stream, refusal: refusal.trimEnd() } }
}

export function renderCase(given: ProviderCase, came: CaseResult): string {
  return `${[given.request, came.sent, given.answer, came.answer, came.streamSent, given.stream, came.stream, given.refusal, came.refusal].join(SECTION)}\n`
}

/** Plays a case through the journey as it is wired in a worker, but for the socket. `size`: bytes of a read. */
export async function playCase(known: readonly KnownProvider[], provider: KnownProvider, given: ProviderCase, size: number): Promise<CaseResult> {
  const compiled = configured(known, provider)
  const plain = await play(compiled, provider, given.request, given.answer, size)
  const streamed = await play(compiled, provider, asStream(provider, given.request), given.stream, size)
  const refused = await play(compiled, provider, given.request, given.refusal, size)
  return { sent: plain.sent, answer: plain.got, streamSent: streamed.sent, stream: streamed.got, refusal: refused.got }
}

const asStream = ({ dialect }: KnownProvider, request: string): string =>
  dialect === 'google-gemini' ? request.replace(':generateContent', ':streamGenerateContent?alt=sse') : request.startsWith('{"stream":false,') ? request.replace('"stream":false', '"stream":true') : request.replace('{', '{"stream":true,')

function configured(known: readonly KnownProvider[], provider: KnownProvider): CompiledConfig {
  const parts = [...provider.baseUrl.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, `my-${name.toLowerCase().replaceAll('_', '-')}`] as const)
  const env = Object.fromEntries([...parts, ...provider.env.map(name => [name, PROVIDER_KEY] as const)])
  const text = JSON.stringify({ providers: { [provider.id]: {} }, keys: [{ name: 'k', key: '${CLIENT_KEY}' }], relay: { max_attempts: 1 } })
  const loaded = loadConfig({ text, path: null, version: 1, keys: [], known, env: { ...env, CLIENT_KEY }, sandboxUrl: null, readFile: readKeyFile })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error))
  return compileSnapshot(loaded.value.config)
}

async function play(compiled: CompiledConfig, { id }: KnownProvider, request: string, answer: string, size: number): Promise<{ readonly sent: string, readonly got: string }> {
  const [path = '', query = '', body = ''] = request.startsWith('/') ? [...(/^[^\n]*/.exec(request)?.[0] ?? '').split('?', 2), ''].slice(0, 2).concat(request.slice(request.indexOf('\n') + 1)) : ['', '', request]
  const dialect = compiled.snapshot.plan(`${id}/model-x`, principalOf(compiled.snapshot))
  if (!dialect.ok) throw new Error(dialect.error.message)
  const head: RequestHead = { method: 'POST', path, query, remoteAddress: '', header: name => name === 'authorization' ? `Bearer ${CLIENT_KEY}` : undefined }
  const provider = new ScriptedProvider(compiled, answer, size)
  const sink = new TextSink()
  const settled: Exchange[] = []
  createJourney(layers(compiled.snapshot, provider.dispatch, x => settled.push(x)))(dialect.value.targets[0]?.dialect ?? 'openai-chat', 'chat', head, Buffer.from(body.replaceAll('{id}', id)), sink)
  // Whatever is due comes in microtasks: after one turn of the loop all of it has come.
  await new Promise(resolve => setImmediate(resolve))
  const x = settled.at(-1)
  const record = x === undefined ? 'none' : `finish=${x.finishReason} input=${x.usage.inputTokens} output=${x.usage.outputTokens} cached=${x.usage.cachedInputTokens} reasoning=${x.usage.reasoningTokens} error=${x.error ?? ''}`
  return { sent: provider.sent, got: `${sink.text}\n${record}` }
}

function principalOf(snapshot: Snapshot) {
  const principal = snapshot.authenticate(CLIENT_KEY)
  if (!principal.ok) throw new Error(principal.error.message)
  return principal.value
}

/** A provider that answers at once, in reads of some size. */
class ScriptedProvider {
  sent = ''
  readonly #compiled: CompiledConfig
  readonly #answer: string
  readonly #size: number

  constructor(compiled: CompiledConfig, answer: string, size: number) {
    this.#compiled = compiled
    this.#answer = answer
    this.#size = size
  }

  readonly dispatch: Dispatch = (request, handler) => {
    this.sent = this.#render(request)
    const end = this.#answer.indexOf('\n')
    const [status = '', type = ''] = this.#answer.slice(0, end).split(' ', 2)
    let gone = false
    queueMicrotask(() => {
      handler.onSent()
      handler.onHead(Number(status), { header: name => name === 'content-type' ? type : undefined })
      const bytes = Buffer.from(this.#answer.slice(end + 1))
      for (let at = 0; at < bytes.length && !gone; at += this.#size) handler.onData(Buffer.from(bytes.subarray(at, at + this.#size)), false)
      if (!gone) handler.onEnd()
    })
    return { resume: () => {}, abort: () => { gone = true } }
  }

  #render({ origin, method, path, headers, credentialId, body }: UpstreamRequest): string {
    const { headerLine = '', grant } = credentialId === null ? {} : this.#compiled.credentials.get(credentialId) ?? {}
    const lines = `${headers}${grant === undefined ? headerLine : `authorization: Bearer TOKEN of ${grant.kind}\r\n`}`.split('\r\n').filter(line => !/^(content-type|accept-encoding|user-agent|traceparent|x-request-id):/.test(line)).join('\n')
    return `${method} ${origin.tls ? 'https' : 'http'}://${origin.authority}${path}\n${lines}\n${Buffer.from(body as string, 'latin1').toString('utf8')}`
  }
}

/** A client that writes down what it gets. */
class TextSink implements ClientSink {
  listener = null
  readonly closed = false
  text = ''

  respond(status: number, headers: string, body: Buffer | string): void {
    this.begin(status, headers)
    this.write(body)
  }

  begin(status: number, headers: string): void {
    this.text = `${status}\n${headers.split('\r\n').filter(line => /^headrace-(dropped|approximated)/.test(line)).map(line => `${line}\n`).join('')}\n`
  }

  write(chunk: Buffer | string): boolean {
    this.text += Buffer.from(typeof chunk === 'string' ? chunk : chunk.latin1Slice(), 'latin1').toString('utf8')
    return true
  }

  end(): void {}

  abort(): void {
    this.text += '[cut]'
  }
}

/** A worker's layers, of which nothing tells another process anything. */
function layers(snapshot: Snapshot, dispatch: Dispatch, onSettled: (x: Exchange) => void): JourneyLayers {
  const now = (): number => performance.now()
  const timing = { now, wall: Date.now, send: () => {}, soon: () => {}, after: () => {} }
  const limiter = new Limiter(timing)
  limiter.adopt([], 1)
  const targetBoard = new TargetBoard({ now, send: () => {}, soon: () => {} })
  const none = (): Promise<never> => Promise.reject(new Error('nothing is fetched here'))
  return {
    dialects: DIALECTS, dispatch, reveals: () => false, snapshot: () => snapshot, nextId: () => 'id-1', keys: null, contexts: null, deltas: null,
    journal: { intent: (_x: Exchange, holder: IntentHolder) => holder.proceed(), settle: (x: Exchange, _outcome: Outcome, final: boolean) => { if (final) onSettled(x) } } as unknown as JourneyLayers['journal'],
    metrics: { begin: () => {}, observe: () => {} } as unknown as JourneyLayers['metrics'],
    retryBudget: new RetryBudget(now, () => 1), targetBoard, targetPicker: new TargetPicker(targetBoard, now), limiter, fetchPart: none,
    capacity: new Capacity({ ...timing, random: Math.random } as unknown as ConstructorParameters<typeof Capacity>[0]),
    pacing: new Pacing({ ...timing, random: Math.random, onLine: () => {} }), hedgeBudget: new HedgeBudget(() => 1), noPrefill: new WeakSet(), shadows: new ShadowBook(Math.random),
    flights: new FlightTable({ socket: null, send: () => {}, soon: () => {}, after: () => {} }),
    memory: { full: false, refuse: (): GatewayError | null => null, admitTranslation: () => null } as unknown as JourneyLayers['memory'],
  }
}
