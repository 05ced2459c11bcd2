import { utf8AsLatin1 } from '@headrace/bytes'
import { gatewayError, type ClientSink, type IdempotencyPolicy, type KeptAnswer, type Operation, type Plan, type Principal } from '@headrace/contract'
import type { Flight } from './coalescing/flight.ts'
import { shareKey } from './coalescing/share-key.ts'
import { ContextTurn } from './context-turn.ts'
import { COMPACTION_SEAL } from './contexts/responses/seal.ts'
import { keepsNothing } from './contexts/responses/response-request.ts'
import { DeltaTurn } from './delta-turn.ts'
import { admit, depart, leave, refuse } from './departure.ts'
import { Follower } from './follower.ts'
import { KeyedRequest } from './idempotency/keyed-request.ts'
import { deriveKeys, fingerprintOf, readKey } from './idempotency/request-key.ts'
import type { JourneyLayers, JourneyRequest } from './journey-request.ts'
import { Rescue, rescueWay } from './rescue.ts'
import { ResponseTurn } from './response-turn.ts'
import { ResponseObject } from './transformation/openai-responses/response-object.ts'

/** Who sends a request with an `Idempotency-Key`, and the header as it stands. */
export interface Caller { readonly principal: Principal, readonly token: string, readonly key: string }

/** The first request with a key is run and its answer kept; whoever comes with the same one gets that answer. */
export function claim(layers: JourneyLayers, request: JourneyRequest, caller: Caller, policy: IdempotencyPolicy): void {
  const { x, dialect, sink, body, scanned, plan, dialectHeaders, acceptsRestart, context, delta } = request
  const key = readKey(caller.key)
  if (!key.ok) return refuse(layers, x, dialect, sink, key.error)
  if (layers.keys === null) return refuse(layers, x, dialect, sink, gatewayError('invalid-request', 'This gateway runs without a store for idempotency keys. Leave the header out.', { param: 'Idempotency-Key' }))
  const keys = deriveKeys(caller.principal, caller.token, key.value)
  new KeyedRequest(layers.keys.book, {
    keys, fingerprint: fingerprintOf(keys, x.wire, x.operation, `${dialectHeaders}${acceptsRestart}${context?.id ?? ''}${delta?.header ?? ''} ${scanned.path} ${x.model}`, body), owner: layers.keys.owner, policy,
    longestMs: longestOf(plan),
  }, sink, {
    lead: recorded => converse(layers, { ...request, sink: recorded }),
    replay: answer => replay(layers, request, answer),
    refuse: error => refuse(layers, x, dialect, sink, error),
    left: () => leave(layers, x),
  }).start()
}

/** Gives a kept answer again: no provider sees anything, no limit counts it, and it has a row of its own. */
function replay(layers: JourneyLayers, { x, dialect, sink }: JourneyRequest, { status, headers, stream, body }: KeptAnswer): void {
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

/** Dialects that have contexts say all in the body. */
const NO_PATH = Object.freeze({ path: '', query: '' })

/** A request that names a context goes on with all that was said before; its answer is kept there. */
export function converse(layers: JourneyLayers, request: JourneyRequest): void {
  const { x, dialect, sink, body, plan, context } = request
  if (context === null) return x.dialect === 'openai-responses' ? respond(layers, request) : complete(layers, request)
  const { snapshot: { contexts: policy }, principal } = x
  if (layers.contexts === null || policy == null || principal === null) return refuse(layers, x, dialect, sink, gatewayError('invalid-request', 'This gateway keeps no contexts. Leave the header out.', { param: 'headrace-context' }))
  if (x.operation !== 'chat') return refuse(layers, x, dialect, sink, gatewayError('invalid-request', 'This operation does not take the header headrace-context.', { param: 'headrace-context' }))
  new ContextTurn(layers.contexts, {
    ...context, tenant: principal.tenant, relay: dialect, translating: layers.dialects.translating[x.dialect], body, requestId: x.requestId, policy, longestMs: longestOf(plan),
  }, sink, {
    go: (assembled, held) => goOn(layers, request, assembled, held, admit),
    refuse: (error, headers, members) => refuse(layers, x, dialect, sink, error, headers, members),
    left: () => leave(layers, x),
  }).start()
}

/** A response that goes on with another one, or is kept so that others can; `store: false` without the first is as any other request. */
function respond(layers: JourneyLayers, request: JourneyRequest): void {
  const { x, dialect, sink, plan, local, scanned: { text, stateless } } = request
  const { snapshot: { contexts: policy }, principal, operation } = x
  if (layers.contexts === null || policy == null || principal === null) return stateless === undefined ? complete(layers, request) : refuse(layers, x, dialect, sink, stateless)
  const answers = operation === 'chat'
  if (stateless === undefined && (!answers || (local === null && keepsNothing(text) && !text.includes(COMPACTION_SEAL)))) return complete(layers, request)
  const own = plan.targets.filter(target => target.dialect === x.dialect)
  const thinkers = [...new Set(own.map(({ provider }) => provider))]
  new ResponseTurn(layers.contexts, {
    tenant: principal.tenant, relay: dialect, body: text, requestId: x.requestId, policy, longestMs: longestOf(plan), answers, thinker: own.length === 0 ? null : thinkers.length === 1 ? thinkers[0] ?? '' : '',
    thoughts: own.length > 0 && own.every(({ facts }) => facts?.capabilities.reasoning === true), provider: () => x.target?.provider ?? '', local,
    begun: whole => {
      const call = layers.dialects.translating[x.dialect].decodeRequest(Buffer.from(whole, 'latin1'))
      const facts = { requestId: x.requestId, model: x.model, created: Math.floor(x.wallTime / 1_000), includeUsage: true }
      return utf8AsLatin1(new ResponseObject(call.ok ? { ...facts, call: call.value } : facts, '', '', 0).write(null))
    },
  }, sink, {
    go: (assembled, held, alone) => {
      // It comes as a stream, whatever its client wants to see of it.
      if (alone) x.stream = true
      goOn(layers, request, assembled, held, alone ? admit : enter)
    },
    refuse: error => refuse(layers, x, dialect, sink, error),
    left: () => leave(layers, x),
  }).start()
}

/** A request that leaves out what the gateway has seen is made whole; what it adds, and its answer, can be left out of the next one. */
function complete(layers: JourneyLayers, request: JourneyRequest): void {
  const { x, dialect, sink, body, delta } = request
  const { contexts: policy } = x.snapshot
  if (delta === null || layers.deltas === null || policy == null || x.principal === null) return enter(layers, request)
  new DeltaTurn(layers.deltas, { ...delta, tenant: x.principal.tenant, translating: layers.dialects.translating[x.dialect], body, maxBytes: policy.maxBytes }, sink, {
    go: (assembled, held) => goOn(layers, request, assembled, held, enter),
    refuse: (error, headers) => refuse(layers, x, dialect, sink, error, headers),
    left: () => leave(layers, x),
  }).start()
}

/** `head`: the whole request without its messages, which are the last of it: what routing needs stands at the same places in both. */
function goOn(layers: JourneyLayers, request: JourneyRequest, { head, whole }: { readonly head: string, readonly whole: string }, sink: ClientSink, next: typeof admit): void {
  const { x, dialect } = request
  // What has a context is a model call.
  const scanned = dialect.scanRequest(Buffer.from(head, 'latin1'), x.operation as Operation, x.snapshot.policy, NO_PATH)
  if (!scanned.ok) return refuse(layers, x, dialect, sink, scanned.error)
  let bytes: Buffer | null = null
  next(layers, { ...request, sink, scanned: { ...scanned.value, text: whole }, get body() { return bytes ??= Buffer.from(whole, 'latin1') } })
}

const longestOf = (plan: Plan): number => Math.max(...plan.targets.map(target => target.timeouts.total))

/** Calls that a request joins, or leads, before it is run by itself. */
const SHARE_TRIES = 3

function shareKeyOf({ x, body, scanned, plan, dialectHeaders, acceptsRestart }: JourneyRequest, principal: Principal): string {
  return shareKey(principal, { version: x.snapshot.version, dialect: x.wire, operation: x.operation, model: plan.model, headers: `${dialectHeaders}${acceptsRestart} ${scanned.path}` }, body)
}

/** A request that may share a call joins the same one that runs, in whichever worker; the first is run. */
function enter(layers: JourneyLayers, request: JourneyRequest): void {
  const { principal } = request.x
  if (request.shares && principal !== null) share(layers, request, shareKeyOf(request, principal), SHARE_TRIES)
  else admit(layers, request)
}

function share(layers: JourneyLayers, request: JourneyRequest, key: string, tries: number): void {
  if (tries === 0) {
    layers.flights.countAlone()
    return admit(layers, request)
  }
  layers.flights.share(key, request.dialect, request.sink, {
    lead: flight => {
      flight.lead(request.x)
      admit(layers, { ...request, sink: flight })
    },
    follow: flight => follow(layers, request, flight, () => share(layers, request, key, tries - 1)),
    left: () => leave(layers, request.x),
  })
}

function follow(layers: JourneyLayers, request: JourneyRequest, flight: Flight, again: () => void): void {
  const { x, dialect, sink, body, plan, scanned: { path }, acceptsRestart } = request
  new Follower(layers, x, dialect, sink, flight, {
    again,
    refuse: error => refuse(layers, x, dialect, sink, error),
    rescue: sent => {
      const rescue = rescueWay({ exchange: x, plan, sink, acceptsRestart, path }) === 'continue' ? new Rescue(layers.dialects, x, body, layers.noPrefill) : null
      return rescue?.take(sent) === 'continue' ? rescue : null
    },
    goOn: (rescue, admission) => {
      flight.lead(x)
      depart(layers, { ...request, sink: flight }, admission, rescue)
    },
  }).start()
}
