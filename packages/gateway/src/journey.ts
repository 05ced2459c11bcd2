import {
  Exchange, gatewayError,
  type ClientSink, type DialectId, type GatewayError, type RelayDialect, type ScannedRequest, type Serve, type Snapshot,
} from '@headrace/contract'
import { Attempts, type AttemptLayers } from './attempts.ts'
import { readCorrelation, upstreamHeaders } from './edge/correlation.ts'
import { authorizationToken } from './orchestration/authenticate.ts'

/** What the journey needs of the layers, wired once in `main.ts`. */
export interface JourneyLayers extends AttemptLayers {
  readonly dialects: Readonly<Record<DialectId, RelayDialect>>
  readonly snapshot: () => Snapshot
  readonly nextId: () => string
}

/**
 * A model call's journey, top to bottom: who is calling, what is asked, where it may go, does a plugin object - then the attempts.
 * Nothing is awaited before the first attempt but a plugin (invariant 6). Every way out answers the client and settles the exchange.
 */
export function createJourney(layers: JourneyLayers): Serve {
  return function serve(dialectId, operation, head, body, sink) {
    const snapshot = layers.snapshot()
    const x = new Exchange(layers.nextId(), snapshot, dialectId, operation, Date.now(), performance.now())
    const dialect = layers.dialects[dialectId]
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
    x.admittedAt = performance.now()

    const askUsage = snapshot.policy.askUsage
    const attempts = new Attempts(layers, {
      exchange: x, plan: plan.value, dialect, sink,
      body: target => dialect.spliceRequest(body, scanned.value, target.modelJson, askUsage && target.usageOption),
      headers: upstreamHeaders(x),
      withholdUsage: askUsage && !scanned.value.includeUsage,
    })
    if (snapshot.hooks.onCall === null) return attempts.start()
    void snapshot.hooks.onCall(x).then(
      refusal => refusal === null ? attempts.start() : refuse(layers, x, dialect, sink, refusal),
      () => refuse(layers, x, dialect, sink, gatewayError('internal', 'A plugin failed; the request was not sent on.')),
    )
  }
}

function noteRequest(x: Exchange, scanned: ScannedRequest, body: Buffer): void {
  x.model = scanned.model
  x.stream = scanned.stream
  x.user = scanned.user
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
  sink.respond(told.status, told.headers, told.body)
  if (x.principal !== null) layers.journal.settle(x, 'refused', true)
  layers.metrics.observe(x, true)
}
