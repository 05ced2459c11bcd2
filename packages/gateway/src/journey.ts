import {
  Exchange, gatewayError,
  type ClientSink, type GatewayError, type Plan, type RelayDialect, type ScannedRequest, type Serve, type Snapshot,
} from '@headrace/contract'
import { Attempts } from './attempts.ts'
import { readCorrelation, upstreamHeaders } from './edge/correlation.ts'
import { authorizationToken } from './orchestration/authenticate.ts'
import { Admission } from './orchestration/limits/limiter.ts'
import type { AttemptLayers } from './prepared-call.ts'

/** What the journey needs of the layers, wired once in `main.ts`. */
export interface JourneyLayers extends AttemptLayers {
  readonly snapshot: () => Snapshot
  readonly nextId: () => string
}

/**
 * A model call's journey, top to bottom: who is calling, what is asked, where it may go, does a plugin object - then the attempts.
 * Nothing is awaited before the first attempt but a lease that has run out and a plugin
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
    const admission = layers.limiter.admit(x, body, x.maxOutput)
    if (admission instanceof Promise) void admission.then(late => depart(layers, request, late))
    else depart(layers, request, admission)
  }
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
