import { Exchange, type DialectId, type Plan, type RequestHead, type ScannedRequest, type Serve, type WireName } from '@headrace/contract'
import type { ContextHeaders } from './context-turn.ts'
import { refuse } from './departure.ts'
import { readCorrelation } from './edge/correlation.ts'
import { readRequestTimeout } from './edge/request-timeout.ts'
import type { DeltaHeaders, JourneyLayers, JourneyRequest } from './journey-request.ts'
import { authorizationToken } from './orchestration/authenticate.ts'
import { speaksAlike } from './translation.ts'
import { claim, converse } from './ways-in.ts'

/** From so many bytes on it matters what a request in another dialect comes to. */
const HEAVY_BYTES = 262_144

/**
 * A model call's journey, top to bottom: who is calling, what is asked, where it may go, does a plugin object - then the attempts.
 * Nothing is awaited before the first attempt but an idempotency key or a context where the client names one, a lease that has run out and a plugin
 * (invariants 6 and 12). Every way out answers the client and settles the exchange.
 */
export function createJourney(layers: JourneyLayers): Serve {
  return function serve(dialectId, operation, head, body, sink) {
    const snapshot = layers.snapshot()
    const x = new Exchange(layers.nextId(), snapshot, dialectId, operation, Date.now(), performance.now())
    const dialect = operation === 'chat' ? layers.dialects.relay[dialectId] : layers.dialects.clients[wireOf(dialectId, head.path)]
    x.wire = dialect.id
    layers.metrics.begin()
    x.requestBytes = body.length
    readCorrelation(x, head)

    const token = authorizationToken(head)
    if (!token.ok) return refuse(layers, x, dialect, sink, token.error)
    const principal = snapshot.authenticate(token.value)
    if (!principal.ok) return refuse(layers, x, dialect, sink, principal.error)
    x.principal = principal.value
    if (layers.memory.full) return refuse(layers, x, dialect, sink, layers.memory.refuse())

    const asked = head.header('headrace-timeout')
    if (asked !== undefined) {
      const timeouts = readRequestTimeout(asked)
      if (!timeouts.ok) return refuse(layers, x, dialect, sink, timeouts.error)
      x.timeouts = timeouts.value
    }

    const scanned = dialect.scanRequest(body, operation, snapshot.policy, head)
    if (!scanned.ok) return refuse(layers, x, dialect, sink, scanned.error)
    noteRequest(x, scanned.value, body)

    const plan = snapshot.plan(x.model, principal.value)
    if (!plan.ok) return refuse(layers, x, dialect, sink, plan.error)
    x.plan = plan.value
    if (body.length >= HEAVY_BYTES && plan.value.targets.some(target => !speaksAlike(x, target))) {
      const denied = layers.memory.admitTranslation(body.length)
      if (denied !== null) return refuse(layers, x, dialect, sink, denied)
    }
    const request: JourneyRequest = {
      x, dialect, sink, body, scanned: scanned.value, plan: plan.value, dialectHeaders: dialect.forwardedHeaders(head),
      acceptsRestart: plan.value.rescue === 'restart' && head.header('headrace-accept-restart') === '1', shares: mayShare(x, plan.value, scanned.value, head),
      context: snapshot.contexts == null ? null : readContext(head),
      delta: snapshot.contexts == null ? null : readDelta(head),
      local: head.local ?? null,
    }
    const key = snapshot.idempotency == null ? undefined : head.header('idempotency-key')
    if (key === undefined || snapshot.idempotency == null) converse(layers, request)
    else claim(layers, request, { principal: principal.value, token: token.value, key }, snapshot.idempotency)
  }
}

/** Cohere's own API is known by its paths. */
const wireOf = (dialect: DialectId, path: string): WireName => path.startsWith('/v2/') ? 'cohere-api' : dialect

const readContext = (head: RequestHead): ContextHeaders | null => {
  const id = head.header('headrace-context')
  return id === undefined ? null : { id, ifMatch: head.header('if-match') ?? null }
}

const readDelta = (head: RequestHead): DeltaHeaders | null => {
  const header = head.header('headrace-delta')
  return header === undefined ? null : { header, path: head.path }
}

/** More output tokens than any call writes: what a client allows is cut to it. */
const MOST_OUTPUT = 1e8

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

/** Temperature 0, a seed, or a model of which all requests may share; and neither client nor plugin wants to see a call of its own, or to wait for it in its own way. */
function mayShare(x: Exchange, { coalesce }: Plan, { deterministic }: ScannedRequest, head: RequestHead): boolean {
  if (coalesce !== 'always' && (coalesce !== 'deterministic' || deterministic !== true)) return false
  const { onCall, onEvent, onSettle } = x.snapshot.hooks
  return onCall === null && onEvent === null && onSettle === null && !x.explain && x.timeouts === null && x.operation !== 'count-tokens' && head.header('headrace-coalesce') !== '0'
}

