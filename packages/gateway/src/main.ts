import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { processIdentity } from '@headrace/bytes'
import {
  budgetLimit, keySocket, success,
  type DialectId, type LimitsToAuthority, type LimitsToWorker, type Operation, type PaceToAuthority, type PaceToWorker, type RelayDialect, type RequestHead, type ResolvedConfig, type Result, type MetricsState, type Snapshot,
  type TargetsToAuthority, type TargetsToWorker,
} from '@headrace/contract'
import { CertificateWatch } from './edge/certificate-watch.ts'
import { refuseCoding } from './edge/content-coding.ts'
import { createEdge } from './edge/edge.ts'
import { KeyBook } from './idempotency/key-book.ts'
import { KeyClient } from './idempotency/key-client.ts'
import { createJourney } from './journey.ts'
import { createLocalAnswers } from './local-answers.ts'
import { createJournal } from './observability/journal.ts'
import { createMetrics } from './observability/metrics.ts'
import { authorizationToken } from './orchestration/authenticate.ts'
import { Capacity } from './orchestration/capacity/capacity.ts'
import { compileSnapshot } from './orchestration/compile-snapshot.ts'
import { TargetBoard } from './orchestration/health/target-board.ts'
import { TargetPicker } from './orchestration/health/target-picker.ts'
import { LeaseDesk, type DeskOptions } from './orchestration/limits/lease-desk.ts'
import { Limiter } from './orchestration/limits/limiter.ts'
import { Pacing } from './orchestration/pacing/pacing.ts'
import { RetryBudget } from './orchestration/retry-policy.ts'
import { anthropicMessages } from './transformation/anthropic-messages/dialect.ts'
import { anthropicMessagesTranslation } from './transformation/anthropic-messages/translation.ts'
import { openAiChat } from './transformation/openai-chat/dialect.ts'
import { openAiChatTranslation } from './transformation/openai-chat/translation.ts'
import type { Dialects } from './translation.ts'
import { createFetchPart } from './upstream/fetch-part.ts'
import { createUpstream } from './upstream/upstream.ts'
import { runWorkerProcess } from './worker-process.ts'

export interface GatewayOptions {
  readonly config: ResolvedConfig
  /** Where call-log segments go, and the prefix of the files that this worker alone writes. */
  readonly journal: { readonly directory: string, readonly prefix: string }
  /** Tells the lease authority; the answers come to `hearAuthority`. */
  readonly tellAuthority: (message: LimitsToAuthority | TargetsToAuthority | PaceToAuthority) => void
  /** The socket to accept from, shared with others; null = one of its own, as configured. */
  readonly listener: object | null
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
  hearAuthority(message: LimitsToWorker | TargetsToWorker | PaceToWorker): void
  /** Stops accepting, lets answers finish for `graceMs`, breaks the rest off, writes the log out. `succeeded`: another worker takes over, and clients notice nothing. */
  drain(graceMs: number, succeeded: boolean): Promise<void>
}

/** How often idle leases are looked at, ms. */
const LIMITS_SWEEP_MS = 250
/** How often the authority hears how targets do, ms. */
const TARGETS_REPORT_MS = 100

/** Every dialect that is spoken. */
export const DIALECTS: Dialects = Object.freeze({
  relay: Object.freeze({ 'openai-chat': openAiChat, 'anthropic-messages': anthropicMessages }),
  translating: Object.freeze({ 'openai-chat': openAiChatTranslation, 'anthropic-messages': anthropicMessagesTranslation }),
})
const ROUTES: ReadonlyMap<string, { readonly dialect: DialectId, readonly operation: Operation }> = new Map([
  ['/v1/chat/completions', { dialect: 'openai-chat', operation: 'chat' }],
  ['/v1/completions', { dialect: 'openai-chat', operation: 'completion' }],
  ['/v1/embeddings', { dialect: 'openai-chat', operation: 'embeddings' }],
  ['/v1/messages', { dialect: 'anthropic-messages', operation: 'chat' }],
  ['/v1/messages/count_tokens', { dialect: 'anthropic-messages', operation: 'count-tokens' }],
])

/** Builds a worker from a checked configuration: the composition root, the only place that names concrete classes. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  let { server } = options.config
  const certificateWatch = new CertificateWatch({
    onRenewed: renewed => edge.reload({ limits: server.limits, tls: renewed, corsOrigins: server.corsOrigins }),
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
  const keys = options.controlSocket === null ? null : { book: new KeyBook(new KeyClient(keySocket(options.controlSocket)), { now: () => performance.now(), pause }), owner: processIdentity(process.pid) }
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
  const serve = createJourney({
    dispatch: upstream.dispatch, reveals: upstream.reveals, journal, metrics, limiter, capacity, pacing, retryBudget: new RetryBudget(() => performance.now(), () => targetBoard.workers),
    targetBoard, targetPicker: new TargetPicker(targetBoard, () => performance.now()),
    dialects: DIALECTS, fetchPart: createFetchPart(), snapshot: currentSnapshot, nextId, keys,
  })
  const local = createLocalAnswers({
    dialectOf, snapshot: currentSnapshot, authenticate, nextId,
    ready: () => !draining, modelPaths: new Set(ROUTES.keys()),
  })
  const edge = createEdge({
    limits: server.limits, tls: certificate, corsOrigins: server.corsOrigins, routes: ROUTES,
    serve, local, controlSocket: options.controlSocket, encodeError: (error, requestId, head) => dialectOf(head).encodeError(error, requestId),
    admit: head => {
      const principal = authenticate(head)
      return principal.ok ? refuseCoding(head) : principal.error
    },
  })
  const { host, port } = await edge.listen(options.listener === null ? { host: server.host, port: server.port } : { shared: options.listener })
  certificateWatch.follow(server.tls, certificate)

  return {
    host, port,
    async reload(config) {
      try {
        if ((config.server.tls === null) !== (server.tls === null)) throw new Error('Switching server.tls on or off takes a restart.')
        const renewed = certificateWatch.take(config.server.tls)
        adopt(config)
        server = config.server
        edge.reload({ limits: server.limits, tls: renewed, corsOrigins: server.corsOrigins })
        certificateWatch.follow(server.tls, renewed)
        return success(config.version)
      } catch (error) {
        return { ok: false, error: error instanceof Error ? error.message : String(error) }
      }
    },
    hearAuthority(message) {
      if (message.type === 'limits') limiter.receive(message)
      else if (message.type === 'targets') targetBoard.receive(message)
      else {
        pacing.receive(message)
        targetBoard.paced = !pacing.calm
      }
    },
    metrics: () => {
      const state = capacity.addTo(metrics.exportState())
      return keys === null ? state : keys.book.addTo(state)
    },
    async drain(graceMs, succeeded) {
      draining = !succeeded
      certificateWatch.close()
      await edge.drain(graceMs, succeeded)
      keys?.book.close()
      clearInterval(sweeping)
      clearInterval(reporting)
      limiter.close()
      await upstream.close()
      journal.close()
    },
  }
}

/** In which dialect a request that is no model call is answered: that of its path, else Anthropic's for those who name its version, else OpenAI's. */
function dialectOf(head: RequestHead | null): RelayDialect {
  const route = head === null ? undefined : ROUTES.get(head.path)
  if (route !== undefined) return DIALECTS.relay[route.dialect]
  return head?.header('anthropic-version') === undefined ? openAiChat : anthropicMessages
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, { ref: false, ...(signal === undefined ? {} : { signal }) }).catch(() => undefined)
}

/** Ids unique over restarts and workers: 48 random bits of this boot, then a counter. */
function idSequence(): () => string {
  const boot = randomBytes(6).toString('hex')
  let count = 0
  return () => `${boot}-${(++count).toString(36)}`
}

if (import.meta.main) runWorkerProcess(startGateway)
