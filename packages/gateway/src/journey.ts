import {
  ERROR_POLICY, Exchange, gatewayError,
  type ClientSink, type GatewayError, type IdempotencyPolicy, type KeptAnswer, type Plan, type Principal, type RelayDialect, type ScannedRequest, type Serve, type Snapshot,
} from '@headrace/contract'
import { Attempts } from './attempts.ts'
import { readCorrelation, upstreamHeaders } from './edge/correlation.ts'
import type { KeyBook } from './idempotency/key-book.ts'
import { KeyedRequest } from './idempotency/keyed-request.ts'
import { fingerprintOf, nameOf, readKey } from './idempotency/request-key.ts'
import { authorizationToken } from './orchestration/authenticate.ts'
import { Admission } from './orchestration/limits/limiter.ts'
import type { AttemptLayers } from './prepared-call.ts'

/** What the journey needs of the layers, wired once in `main.ts`. */
export interface JourneyLayers extends AttemptLayers {
  readonly snapshot: () => Snapshot
  readonly nextId: () => string
  /** Idempotency keys; null = nobody keeps them. `owner`: identity of this process. */
  readonly keys: { readonly book: KeyBook, readonly owner: string } | null
}

/**
 * A model call's journey, top to bottom: who is calling, what is asked, where it may go, does a plugin object - then the attempts.
 * Nothing is awaited before the first attempt but an idempotency key where the client sends one, a lease that has run out and a plugin
 * (invariants 6 and 12). Every way out answers the client and settles the exchange.
 */
export function createJourney(layers: JourneyLayers): Serve {
  return function serve(dialectId, operation, head, body, sink) {
    const snapshot = layers.snapshot()
    const x = new Exchange(layers.nextId(), snapshot, dialectId, operation, Date.now(), performance.now())
    const dialect = layers.dialects.relay[dialectId]
    layers.metrics.begin()
    x.requestBytes = body.length
    readCorrelation(x, head)

    const token = authorizationToken(head)
    if (!token.ok) return refuse(layers, x, dialect, sink, token.error)
    const principal = snapshot.authenticate(token.value)
    if (!principal.ok) return refuse(layers, x, dialect, sink, principal.error)
    x.principal = principal.value

    const scanned = dialect.scanRequest(body, operation, snapshot.policy)
    if (!scanned.ok) return refuse(layers, x, dialect, sink, scanned.error)
    noteRequest(x, scanned.value, body)

    const plan = snapshot.plan(x.model, principal.value)
    if (!plan.ok) return refuse(layers, x, dialect, sink, plan.error)
    x.plan = plan.value
    const request: Request = {
      x, dialect, sink, body, scanned: scanned.value, plan: plan.value, dialectHeaders: dialect.forwardedHeaders(head),
      acceptsRestart: plan.value.rescue === 'restart' && head.header('headrace-accept-restart') === '1',
    }
    const key = snapshot.idempotency == null ? undefined : head.header('idempotency-key')
    if (key === undefined || snapshot.idempotency == null) admit(layers, request)
    else claim(layers, request, principal.value, key, snapshot.idempotency)
  }
}

function admit(layers: JourneyLayers, request: Request): void {
  const { x, body } = request
  const admission = layers.limiter.admit(x, body, x.maxOutput)
  if (admission instanceof Promise) void admission.then(late => depart(layers, request, late))
  else depart(layers, request, admission)
}

/** The first request with a key is run and its answer kept; whoever comes with the same one gets that answer. */
function claim(layers: JourneyLayers, request: Request, principal: Principal, header: string, policy: IdempotencyPolicy): void {
  const { x, dialect, sink, body, plan, dialectHeaders, acceptsRestart } = request
  const key = readKey(header)
  if (!key.ok) return refuse(layers, x, dialect, sink, key.error)
  if (layers.keys === null) return refuse(layers, x, dialect, sink, gatewayError('invalid-request', 'This gateway runs without a store for idempotency keys. Leave the header out.', { param: 'Idempotency-Key' }))
  new KeyedRequest(layers.keys.book, {
    name: nameOf(principal, key.value), fingerprint: fingerprintOf(x.dialect, x.operation, `${dialectHeaders}${acceptsRestart}`, body), owner: layers.keys.owner, policy,
    longestMs: Math.max(...plan.targets.map(target => target.timeouts.total)),
  }, sink, {
    lead: recorded => admit(layers, { ...request, sink: recorded }),
    replay: answer => replay(layers, request, answer),
    refuse: error => refuse(layers, x, dialect, sink, error),
    left: () => leave(layers, x),
  }).start()
}

/** Gives a kept answer again: no provider sees anything, no limit counts it, and it has a row of its own. */
function replay(layers: JourneyLayers, { x, dialect, sink }: Request, { status, headers, stream, body }: KeptAnswer): void {
  const lines = `${headers}${dialect.requestIdHeader}: ${x.requestId}\r\nidempotent-replayed: true\r\n${layers.limiter.headers(x)}`
  x.status = status
  x.responseBytes = body.length
  x.route = '[{"did":"replayed","why":"its idempotency key was answered before"}]'
  x.committedAt = x.settledAt = performance.now()
  if (stream) {
    sink.begin(status, lines)
    sink.write(body, true)
    sink.end()
  } else sink.respond(status, lines, body)
  layers.journal.settle(x, 'answered', true)
  layers.metrics.observe(x, true)
}

/** The client left while it was not yet known what its key is. */
function leave(layers: JourneyLayers, x: Exchange): void {
  x.error = 'client-closed'
  x.status = ERROR_POLICY['client-closed'].status
  x.settledAt = performance.now()
  layers.journal.settle(x, 'refused', true)
  layers.metrics.observe(x, true)
}

/** More output tokens than any call writes: what a client allows is cut to it. */
const MOST_OUTPUT = 1e8

/** A request that is understood and has a plan. */
interface Request {
  readonly x: Exchange
  readonly dialect: RelayDialect
  readonly sink: ClientSink
  readonly body: Buffer
  readonly scanned: ScannedRequest
  readonly plan: Plan
  readonly dialectHeaders: string
  readonly acceptsRestart: boolean
}

/** The limits have spoken; a plugin may object; then the attempts. */
function depart(layers: JourneyLayers, { x, dialect, sink, body, scanned, plan, dialectHeaders, acceptsRestart }: Request, admission: Admission | GatewayError): void {
  x.answerHeaders = layers.limiter.headers(x)
  if (!(admission instanceof Admission)) return refuse(layers, x, dialect, sink, admission)
  x.admittedAt = performance.now()
  const { hooks, policy } = x.snapshot
  const attempts = new Attempts(layers, {
    exchange: x, plan, dialect, sink, admission,
    body: target => dialect.spliceRequest(scanned, target.modelJson, policy.askUsage && target.usageOption),
    clientBody: body,
    headers: upstreamHeaders(x),
    dialectHeaders,
    withholdUsage: policy.askUsage && !scanned.includeUsage,
    acceptsRestart,
  })
  if (hooks.onCall === null) return attempts.start()
  const object = (refusal: GatewayError): void => {
    layers.limiter.settle(admission, x)
    refuse(layers, x, dialect, sink, refusal)
  }
  void hooks.onCall(x).then(
    refusal => refusal === null ? attempts.start() : object(refusal),
    () => object(gatewayError('internal', 'A plugin failed; the request was not sent on.')),
  )
}

function noteRequest(x: Exchange, scanned: ScannedRequest, body: Buffer): void {
  x.model = scanned.model
  x.stream = scanned.stream
  x.user = scanned.user
  x.maxOutput = scanned.maxTokens < 0 ? -1 : Math.min(MOST_OUTPUT, scanned.maxTokens * scanned.choices)
  x.choices = scanned.choices
  x.metadata = scanned.metadata
  const policy = x.snapshot.policy
  if (policy.logBodies === 'full') x.requestBody = body.latin1Slice(0, Math.min(body.length, policy.logBodyLimit))
}

/**
 * Answers a request that never reached a provider, and records it. Who is not known is only counted: otherwise anybody could fill the disk,
 * and no tenant could see the row.
 */
function refuse(layers: JourneyLayers, x: Exchange, dialect: RelayDialect, sink: ClientSink, error: GatewayError): void {
  const told = dialect.encodeError(error, x.requestId)
  x.error = error.kind
  x.status = told.status
  x.committedAt = x.settledAt = performance.now()
  sink.respond(told.status, told.headers + x.answerHeaders, told.body)
  if (x.principal !== null) layers.journal.settle(x, 'refused', true)
  layers.metrics.observe(x, true)
}
