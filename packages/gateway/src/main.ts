import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { processIdentity } from '@headrace/bytes'
import {
  budgetLimit, contextSocket, keySocket, success,
  type CoalesceToAuthority, type CoalesceToWorker, type DialectId, type LimitsToAuthority, type LimitsToWorker, type Operation, type PaceToAuthority, type PaceToWorker, type RelayDialect, type RequestHead, type ResolvedConfig, type Result, type ServerConfig, type MetricsState, type Snapshot,
  type TargetsToAuthority, type TargetsToWorker,
} from '@headrace/contract'
import { FlightTable } from './coalescing/flight-table.ts'
import { CONTEXT_DIALECTS } from './context-dialects.ts'
import { ContextClient } from './contexts/context-client.ts'
import { ContextApi } from './contexts/native/context-api.ts'
import { BackgroundRuns } from './contexts/responses/background/background-runs.ts'
import { StateApi } from './contexts/responses/state-api.ts'
import { chatEchoes, messagesEchoes } from './contexts/delta/answer-echoes.ts'
import { HotCache } from './contexts/hot-cache.ts'
import type { HotContext } from './contexts/hot-contexts.ts'
import type { DeltaLayers, HotDelta } from './delta-turn.ts'
import { CertificateWatch } from './edge/certificate-watch.ts'
import { refuseCoding } from './edge/content-coding.ts'
import { createAnonymousEdge } from './edge/anonymous-edge.ts'
import { createEdge } from './edge/edge.ts'
import { KeyBook } from './idempotency/key-book.ts'
import { KeyClient } from './idempotency/key-client.ts'
import { explainAssembly } from './explain-assembly.ts'
import { createJourney } from './journey.ts'
import type { JourneyLayers } from './journey-request.ts'
import { createLocalAnswers } from './local-answers.ts'
import { createJournal } from './observability/journal.ts'
import { createMetrics } from './observability/metrics.ts'
import { authorizationToken } from './orchestration/authenticate.ts'
import { Capacity } from './orchestration/capacity/capacity.ts'
import { compileSnapshot } from './orchestration/compile-snapshot.ts'
import { HedgeBudget } from './orchestration/hedge-budget.ts'
import { ShadowBook } from './orchestration/shadow-book.ts'
import { TargetBoard } from './orchestration/health/target-board.ts'
import { TargetPicker } from './orchestration/health/target-picker.ts'
import { LeaseDesk, type DeskOptions } from './orchestration/limits/lease-desk.ts'
import { Limiter } from './orchestration/limits/limiter.ts'
import { collectGarbage, collectYoung } from './orchestration/memory/collect-garbage.ts'
import { MemoryGuard } from './orchestration/memory/memory-guard.ts'
import { ControlGroups } from './orchestration/memory/memory-sources.ts'
import { Pacing } from './orchestration/pacing/pacing.ts'
import { RetryBudget } from './orchestration/retry-policy.ts'
import { anthropicMessages } from './transformation/anthropic-messages/dialect.ts'
import { anthropicMessagesTranslation } from './transformation/anthropic-messages/translation.ts'
import { cohere } from './transformation/cohere/dialect.ts'
import { geminiRoute } from './transformation/google-gemini/call-path.ts'
import { googleGemini } from './transformation/google-gemini/dialect.ts'
import { googleGeminiTranslation } from './transformation/google-gemini/translation.ts'
import { ollamaChat } from './transformation/ollama-chat/dialect.ts'
import { ollamaChatTranslation } from './transformation/ollama-chat/translation.ts'
import { openAiChat } from './transformation/openai-chat/dialect.ts'
import { estimateCall } from './transformation/neutral/estimate-tokens.ts'
import { renderMessages } from './transformation/openai-chat/render-messages.ts'
import { openAiChatTranslation } from './transformation/openai-chat/translation.ts'
import { openAiResponses } from './transformation/openai-responses/dialect.ts'
import { openAiResponsesTranslation } from './transformation/openai-responses/translation.ts'
import type { Dialects } from './translation.ts'
import { createMediaJourney } from './media-journey.ts'
import { createPassing } from './passage.ts'
import { MEDIA_PATHS, mediaRoute } from './passing/media-route.ts'
import { isPassPath } from './passing/pass-path.ts'
import { UploadSpool } from './passing/upload-spool.ts'
import { createFetchPart } from './upstream/fetch-part.ts'
import { createUpstream } from './upstream/upstream.ts'
import { ResponseSockets } from './response-socket.ts'
import { runWorkerProcess } from './worker-process.ts'

export interface GatewayOptions {
  readonly config: ResolvedConfig
  /** Where call-log segments go, and the prefix of the files that this worker alone writes. */
  readonly journal: { readonly directory: string, readonly prefix: string }
  /** Tells the lease authority; the answers come to `hearAuthority`. */
  readonly tellAuthority: (message: LimitsToAuthority | TargetsToAuthority | PaceToAuthority | CoalesceToAuthority) => void
  /** The socket to accept from, shared with others; null = one of its own, as configured. */
  readonly listener: object | null
  /** The same of the one where no key is asked for. Left out = one of its own, where one is configured. */
  readonly anonymousListener?: object | null
  /** Unix socket of the control surface; null = none. */
  readonly controlSocket: string | null
}

/** One data-plane worker. */
export interface Gateway {
  readonly host: string
  readonly port: number
  /** Compiles and swaps; on an error the old snapshot stays. Exchanges in flight keep theirs (invariant 2). */
  reload(config: ResolvedConfig): Promise<Result<number, string>>
  metrics(): MetricsState
  /** What the lease authority says. */
  hearAuthority(message: LimitsToWorker | TargetsToWorker | PaceToWorker | CoalesceToWorker): void
  /** Stops accepting, lets answers finish for `graceMs`, breaks the rest off, writes the log out. `succeeded`: another worker takes over, and clients notice nothing. */
  drain(graceMs: number, succeeded: boolean): Promise<void>
}

/** How often idle leases are looked at, ms. */
const LIMITS_SWEEP_MS = 250
/** How often the authority hears how targets do, ms. */
const TARGETS_REPORT_MS = 100
/** How often the memory in use is looked at, ms (Envoy's overload manager: 250). */
const MEMORY_LOOK_MS = 250
/** Of the machine's memory, what all workers together may use where nothing else is configured. */
const OWN_MEMORY = 0.8

const RELAY: Dialects['relay'] = Object.freeze({ 'openai-chat': openAiChat, 'openai-responses': openAiResponses, 'anthropic-messages': anthropicMessages, 'google-gemini': googleGemini, 'ollama-chat': ollamaChat })
/** Every dialect that is spoken. */
export const DIALECTS: Dialects = Object.freeze({
  relay: RELAY, clients: Object.freeze({ ...RELAY, 'cohere-api': cohere }),
  translating: Object.freeze({
    'openai-chat': openAiChatTranslation, 'openai-responses': openAiResponsesTranslation, 'anthropic-messages': anthropicMessagesTranslation, 'google-gemini': googleGeminiTranslation,
    'ollama-chat': ollamaChatTranslation,
  }),
})
/** Every dialect whose requests may leave out what was seen. */
const DELTA_DIALECTS: DeltaLayers['dialects'] = Object.freeze({
  'openai-chat': { echoes: chatEchoes, ending: 'data: [DONE]' }, 'anthropic-messages': { echoes: messagesEchoes, ending: 'event: message_stop' },
})
const RESPONSES_PATH = '/v1/responses'
const ROUTES: ReadonlyMap<string, { readonly dialect: DialectId, readonly operation: Operation }> = new Map([
  ['/v1/chat/completions', { dialect: 'openai-chat', operation: 'chat' }],
  ['/v1/completions', { dialect: 'openai-chat', operation: 'completion' }],
  ['/v1/embeddings', { dialect: 'openai-chat', operation: 'embeddings' }],
  ['/v1/rerank', { dialect: 'openai-chat', operation: 'rerank' }],
  ['/v1/moderations', { dialect: 'openai-chat', operation: 'moderation' }],
  ['/v2/embed', { dialect: 'openai-chat', operation: 'embeddings' }],
  ['/v2/rerank', { dialect: 'openai-chat', operation: 'rerank' }],
  [RESPONSES_PATH, { dialect: 'openai-responses', operation: 'chat' }],
  ['/v1/responses/input_tokens', { dialect: 'openai-responses', operation: 'count-tokens' }],
  ['/v1/messages', { dialect: 'anthropic-messages', operation: 'chat' }],
  ['/v1/messages/count_tokens', { dialect: 'anthropic-messages', operation: 'count-tokens' }],
  ['/api/chat', { dialect: 'ollama-chat', operation: 'chat' }],
  ['/api/generate', { dialect: 'ollama-chat', operation: 'chat' }],
  ['/api/embed', { dialect: 'ollama-chat', operation: 'embeddings' }],
  ['/api/embeddings', { dialect: 'ollama-chat', operation: 'embeddings' }],
])

/** Paths of model calls: fixed ones, and those that hold the model's name. */
const routes = Object.freeze({ get: (path: string) => ROUTES.get(path) ?? geminiRoute(path) })

/** Builds a worker from a checked configuration: the composition root, the only place that names concrete classes. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  let { server } = options.config
  const relayTo = ({ admin }: ServerConfig): string | null => admin === undefined ? options.controlSocket : null
  const certificateWatch = new CertificateWatch({
    onRenewed: renewed => edge.reload({ limits: server.limits, tls: renewed, corsOrigins: server.corsOrigins, controlSocket: relayTo(server) }),
    onProblem: problem => process.stderr.write(`headrace: ${problem} The certificate that was good before stays in use.\n`),
  })
  const certificate = certificateWatch.take(server.tls)
  const upstream = createUpstream()
  const journal = createJournal(options.journal)
  const metrics = createMetrics()
  const leasing: DeskOptions = {
    now: () => performance.now(), wall: Date.now, send: options.tellAuthority, soon: queueMicrotask,
    after: (ms, task) => { setTimeout(task, ms).unref() },
  }
  const desk = new LeaseDesk(leasing)
  const limiter = new Limiter(leasing, desk)
  const capacity = new Capacity({ ...leasing, desk, random: Math.random })
  const sweeping = setInterval(() => limiter.sweep(), LIMITS_SWEEP_MS).unref()
  const targetBoard = new TargetBoard({ now: () => performance.now(), send: options.tellAuthority, soon: setImmediate })
  const pacing = new Pacing({ ...leasing, send: options.tellAuthority, soon: setImmediate, random: Math.random, onLine: (target, line) => { targetBoard.lane(target).pair.line = line } })
  const reporting = setInterval(() => targetBoard.flush(), TARGETS_REPORT_MS).unref()
  const hedgeBudget = new HedgeBudget(() => targetBoard.workers)
  const shadows = new ShadowBook(Math.random)
  const keys = options.controlSocket === null ? null : { book: new KeyBook(new KeyClient(keySocket(options.controlSocket)), { now: () => performance.now(), pause }), owner: processIdentity(process.pid) }
  const contextClient = options.controlSocket === null ? null : new ContextClient(contextSocket(options.controlSocket))
  const flights = new FlightTable({ socket: options.controlSocket === null ? null : `${options.controlSocket}.${process.pid}`, send: options.tellAuthority, soon: setImmediate, after: leasing.after })
  const runs = new BackgroundRuns(processIdentity(process.pid))
  const contexts = contextClient === null ? null : { owner: contextClient, runs, hot: new HotCache<HotContext>(() => snapshot.contexts?.hotBytes ?? 0), dialects: CONTEXT_DIALECTS }
  const deltas = contextClient === null ? null : { owner: contextClient, hot: new HotCache<HotDelta>(() => snapshot.contexts?.hotBytes ?? 0), dialects: DELTA_DIALECTS }
  const groups = new ControlGroups(readText)
  const memory = new MemoryGuard({
    use: () => [{ limit: server.limits.memoryBytes ?? totalmem() * OWN_MEMORY / targetBoard.workers, used: process.memoryUsage.rss(), shared: false }, ...groups.use()],
    workers: () => targetBoard.workers, collect: collectGarbage, now: () => performance.now(), random: Math.random,
  })
  memory.look()
  const watchingMemory = setInterval(() => memory.look(), MEMORY_LOOK_MS).unref()
  let draining = false
  let snapshot: Snapshot

  const adopt = (config: ResolvedConfig): void => {
    const compiled = compileSnapshot(config)
    upstream.setCredentials(compiled.credentials)
    snapshot = compiled.snapshot
    limiter.adopt([...config.limits ?? [], ...(config.budgets ?? []).filter(budget => budget.mode === 'hard').map(budgetLimit)], config.version)
    capacity.adopt(config.capacity ?? [], config.version)
  }
  adopt(options.config)

  const nextId = idSequence()
  const currentSnapshot = (): Snapshot => snapshot
  const authenticate = (head: RequestHead) => {
    const token = authorizationToken(head)
    return token.ok ? snapshot.authenticate(token.value) : token
  }
  const layers: JourneyLayers = {
    dispatch: upstream.dispatch, reveals: upstream.reveals, journal, metrics, limiter, capacity, pacing, hedgeBudget, shadows, retryBudget: new RetryBudget(() => performance.now(), () => targetBoard.workers),
    targetBoard, targetPicker: new TargetPicker(targetBoard, () => performance.now()),
    dialects: DIALECTS, fetchPart: createFetchPart(), noPrefill: new WeakSet(), snapshot: currentSnapshot, nextId, keys, contexts, deltas, flights, memory,
  }
  const serve = createJourney(layers)
  const contextApi = contexts === null ? null : new ContextApi({
    owner: contexts.owner, policy: () => snapshot.contexts ?? null, authenticate, renderMessages,
    decodeMessages: messages => {
      const call = openAiChatTranslation.decodeRequest(Buffer.from(`{"model":"x","messages":${messages}}`, 'latin1'))
      return call.ok ? success(call.value.items) : call
    },
    explain: (reading, model, principal) => explainAssembly({ dialects: DIALECTS, chat: CONTEXT_DIALECTS['openai-chat'], estimate: estimateCall }, snapshot, reading, model, principal),
    tell: (head, sink, error, headers, members) => {
      const told = dialectOf(head).encodeError(error, nextId())
      sink.respond(told.status, told.headers + headers, members === '' ? told.body : `{${members}${told.body.slice(1)}`)
    },
  })
  const stateApi = contexts === null ? null : new StateApi({
    owner: contexts.owner, policy: () => snapshot.contexts ?? null, authenticate, serve,
    tell: (head, sink, error) => {
      const told = openAiResponses.encodeError(error, nextId())
      sink.respond(told.status, told.headers, told.body)
    },
  })
  const local = createLocalAnswers({
    dialectOf, snapshot: currentSnapshot, authenticate, nextId,
    ready: () => !draining, modelPaths: [...ROUTES.keys(), ...MEDIA_PATHS, '/v1beta/models/NAME:generateContent'], isModelPath: path => routes.get(path) !== undefined,
    contexts: contextApi === null || stateApi === null ? null : { owns: ownsContexts, answer: (head, body, sink) => void (ContextApi.owns(head.path) ? contextApi : stateApi).answer(head, body, sink) },
  })
  const sockets = contexts === null ? null : new ResponseSockets({ serve, limits: () => server.limits })
  const passing = { ...layers, pass: upstream.pass, collectYoung }
  const [pass, media] = [createPassing(passing), createMediaJourney({ ...passing, uploads: new UploadSpool(join(dirname(options.journal.directory), 'uploads'), collectYoung) })]
  const edge = createEdge({
    incoming: { takes: path => isPassPath(path) || mediaRoute(path) !== null, serve: (request, sink) => isPassPath(request.head.path) ? pass(request, sink) : media(request, sink) },
    upgrades: sockets === null ? null : { takes: path => path === RESPONSES_PATH, open: (head, request, socket, first) => sockets.open(head, request, socket, first) },
    limits: server.limits, tls: certificate, corsOrigins: server.corsOrigins, routes,
    serve, local, memory, controlSocket: relayTo(server), encodeError: (error, requestId, head) => dialectOf(head).encodeError(error, requestId),
    admit: head => {
      // Who reads what does not ask for a key has sent nothing worth refusing.
      const passes = isPassPath(head.path)
      if (!passes && !ROUTES.has(head.path) && mediaRoute(head.path) === null && !ownsContexts(head.path)) return null
      const principal = authenticate(head)
      return !principal.ok ? principal.error : passes ? null : refuseCoding(head)
    },
  })
  const { host, port } = await edge.listen(options.listener === null ? { host: server.host, port: server.port } : { shared: options.listener })
  const open = server.anonymous === undefined ? null : createAnonymousEdge({
    config: () => server.anonymous, limits: server.limits, routes, memory, serve, local,
    tell: (head, error) => dialectOf(head).encodeError(error, nextId()),
  })
  if (open !== null && server.anonymous !== undefined) await open.listen(options.anonymousListener == null ? server.anonymous : { shared: options.anonymousListener })
  certificateWatch.follow(server.tls, certificate)

  return {
    host, port,
    async reload(config) {
      try {
        if ((config.server.tls === null) !== (server.tls === null)) throw new Error('Switching server.tls on or off takes a restart.')
        const renewed = certificateWatch.take(config.server.tls)
        adopt(config)
        server = config.server
        edge.reload({ limits: server.limits, tls: renewed, corsOrigins: server.corsOrigins, controlSocket: relayTo(server) })
        open?.reload({ limits: server.limits, tls: null, corsOrigins: server.anonymous?.origins ?? [], controlSocket: null })
        certificateWatch.follow(server.tls, renewed)
        return success(config.version)
      } catch (error) {
        return { ok: false, error: error instanceof Error ? error.message : String(error) }
      }
    },
    hearAuthority(message) {
      if (message.type === 'limits') limiter.receive(message)
      else if (message.type === 'targets') targetBoard.receive(message)
      else if (message.type === 'coalesce') flights.receive(message)
      else {
        pacing.receive(message)
        targetBoard.paced = !pacing.calm
      }
    },
    metrics: () => {
      const state = memory.addTo(flights.addTo(shadows.addTo(hedgeBudget.addTo(capacity.addTo(metrics.exportState())))))
      return keys === null ? state : keys.book.addTo(state)
    },
    async drain(graceMs, succeeded) {
      draining = !succeeded
      const end = performance.now() + graceMs
      certificateWatch.close()
      await Promise.all([edge.drain(graceMs, succeeded), open?.drain(graceMs, succeeded)])
      await flights.drain(Math.max(0, end - performance.now()))
      flights.close()
      await runs.drain(Math.max(0, end - performance.now()))
      keys?.book.close()
      contextClient?.close()
      clearInterval(sweeping)
      clearInterval(reporting)
      clearInterval(watchingMemory)
      limiter.close()
      await upstream.close()
      journal.close()
    },
  }
}

const ownsContexts = (path: string): boolean => ContextApi.owns(path) || StateApi.owns(path)

/** In which dialect a request that is no model call is answered: that of its path, else that of which it sends a header, else OpenAI's. */
function dialectOf(head: RequestHead | null): RelayDialect {
  if (head === null) return openAiChat
  if (head.path.startsWith('/v2/')) return cohere
  const route = routes.get(head.path)
  if (route !== undefined) return DIALECTS.relay[route.dialect]
  if (head.path.startsWith('/api/')) return ollamaChat
  if (head.path.startsWith('/v1beta/') || head.header('x-goog-api-key') !== undefined || head.header('x-goog-api-client') !== undefined) return googleGemini
  return head.header('anthropic-version') === undefined ? openAiChat : anthropicMessages
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, { ref: false, ...(signal === undefined ? {} : { signal }) }).catch(() => undefined)
}

/** Null = it cannot be read. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}

/** Ids unique over restarts and workers: 48 random bits of this boot, then a counter. */
function idSequence(): () => string {
  const boot = randomBytes(6).toString('hex')
  let count = 0
  return () => `${boot}-${(++count).toString(36)}`
}

if (import.meta.main) runWorkerProcess(startGateway)
