import {
  Exchange, failure, gatewayError, success,
  type DialectId, type IncomingRequest, type Operation, type Pass, type PassedProvider, type Plan, type Principal, type RelayDialect, type RequestHead, type Result, type ServeIncoming, type Snapshot, type ClientSink,
} from '@headrace/contract'
import { refuse } from './departure.ts'
import { passedHeaders } from './edge/control-relay.ts'
import { readCorrelation, upstreamHeaders } from './edge/correlation.ts'
import { readRequestTimeout } from './edge/request-timeout.ts'
import type { JourneyLayers } from './journey-request.ts'
import { authorizationToken } from './orchestration/authenticate.ts'
import type { Admission } from './orchestration/limits/limiter.ts'
import { PassBody, readStart, type BodyStart } from './passing/pass-body.ts'
import { requestLines } from './passing/pass-headers.ts'
import { jobKeeper, pathAt, readPassPath, type PassPath } from './passing/pass-path.ts'
import { PassedAttempt } from './passed-attempt.ts'
import { PassedGuest } from './passed-guest.ts'

export interface PassageLayers extends JourneyLayers {
  readonly pass: Pass
  readonly collectYoung: () => void
}

/** Bytes of a JSON body that are read before it goes on, to see which model it is for. */
const START_BYTES = 262_144
/** More output tokens than any call writes. */
const MOST_OUTPUT = 1e8
const NOTHING: BodyStart = Object.freeze({ bytes: Buffer.alloc(0), whole: true })
/** Asking costs nothing: no budget is in its way. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE'])
const FREE = Object.freeze({ input: 0, cachedInput: 0, cacheWrite: 0, output: 0, version: '' })

/** Model calls that are known by the end of their path, whoever offers them. */
const CALLS: readonly { readonly path: RegExp, readonly dialect: DialectId, readonly operation: Operation }[] = [
  { path: /\/chat\/completions$/, dialect: 'openai-chat', operation: 'chat' },
  { path: /\/responses$/, dialect: 'openai-responses', operation: 'chat' },
  { path: /\/messages$/, dialect: 'anthropic-messages', operation: 'chat' },
  { path: /:(?:streamG|g)enerateContent$/, dialect: 'google-gemini', operation: 'chat' },
]

/** Who may send what where. */
interface Way { readonly principal: Principal, readonly token: string, readonly path: PassPath, readonly provider: PassedProvider }

/**
 * A request's journey to a provider as it is, `ANY /providers/ID/...` or to files and jobs at the vendors' own paths: who is calling and may they, which model is it for
 * where that shows, do the limits allow it - then its one attempt. It is never sent twice and never elsewhere.
 */
export function createPassing(layers: PassageLayers): ServeIncoming {
  return (request, sink) => {
    const { head } = request
    const snapshot = layers.snapshot()
    const principal = callerOf(snapshot, head)
    const way = principal.ok ? wayOf(snapshot, head, principal.value) : principal
    const dialect: DialectId = way.ok ? callAt(way.value.path)?.dialect ?? way.value.provider.dialect : jobKeeper(head)?.dialects[0] ?? 'openai-chat'
    const x = new Exchange(layers.nextId(), snapshot, dialect, 'pass-through', Date.now(), performance.now())
    layers.metrics.begin()
    readCorrelation(x, head)
    if (principal.ok) x.principal = principal.value.principal
    const timeouts = head.header('headrace-timeout')
    const shortened = timeouts === undefined ? null : readRequestTimeout(timeouts)
    if (shortened?.ok === true) x.timeouts = shortened.value
    const error = !way.ok ? way.error : layers.memory.full ? layers.memory.refuse() : shortened?.ok === false ? shortened.error : null
    if (error !== null || !way.ok) return refuse(layers, x, layers.dialects.relay[dialect], sink, error ?? gatewayError('internal', 'There is no way.'))
    new Passage(layers, x, request, sink, way.value).start()
  }
}

/** Who sends a request, and their token. */
export function callerOf(snapshot: Snapshot, head: RequestHead): Result<{ readonly principal: Principal, readonly token: string }> {
  const token = authorizationToken(head)
  if (!token.ok) return token
  const principal = snapshot.authenticate(token.value)
  return principal.ok ? success({ principal: principal.value, token: token.value }) : principal
}

function wayOf(snapshot: Snapshot, head: RequestHead, { principal, token }: { readonly principal: Principal, readonly token: string }): Result<Way> {
  const path = readPassPath(head, token)
  if (!path.ok) return path
  const provider = snapshot.passed === undefined ? failure(gatewayError('not-found', 'Nothing is passed through here.')) : snapshot.passed(path.value.provider, principal)
  return provider.ok ? success({ principal, token, path: path.value, provider: provider.value }) : provider
}

const callAt = ({ rest }: PassPath): (typeof CALLS)[number] | undefined => CALLS.find(({ path }) => path.test(rest))

/** One such request, until its attempt begins. */
class Passage {
  readonly #layers: PassageLayers
  readonly #x: Exchange
  readonly #request: IncomingRequest
  readonly #sink: ClientSink
  readonly #way: Way
  readonly #dialect: RelayDialect
  readonly #guest: PassedGuest

  constructor(layers: PassageLayers, x: Exchange, request: IncomingRequest, sink: ClientSink, way: Way) {
    this.#layers = layers
    this.#x = x
    this.#request = request
    this.#sink = sink
    this.#way = way
    this.#dialect = layers.dialects.relay[x.dialect]
    this.#guest = new PassedGuest(layers, x, sink, this.#dialect)
  }

  start(): void {
    const { body, length, head } = this.#request
    this.#x.requestBytes = Math.max(0, length)
    if (length === 0) return this.#admit(NOTHING)
    if (head.method !== 'POST' || !/^application\/json\b/i.test(head.header('content-type') ?? '') || head.header('content-encoding') !== undefined) return this.#admit({ ...NOTHING, whole: false })
    readStart(body, START_BYTES, start => { if (!this.#guest.gone) this.#admit(start) })
  }

  #admit(start: BodyStart): void {
    const x = this.#x
    const { provider, principal } = this.#way
    const { method } = this.#request.head
    const model = this.#note(start)
    const plan = provider.plan(model, principal)
    if (!plan.ok) return this.#guest.refuse(plan.error)
    x.model = model === '' ? provider.id : `${provider.id}/${model}`
    const reading = READING.has(method)
    x.plan = reading ? { ...plan.value, targets: plan.value.targets.map(target => ({ ...target, price: FREE })) } : plan.value
    this.#guest.admit(start.bytes, reading ? 0 : x.maxOutput, admission => {
      x.plan = plan.value
      this.#send(start, plan.value, admission)
    })
  }

  /** Takes in what the request says of itself, where it is known how it says it. Returns the model's name; '' = it does not show. */
  #note({ bytes, whole }: BodyStart): string {
    const x = this.#x
    const { rest, query } = this.#way.path
    const { policy } = x.snapshot
    if (policy.logBodies === 'full') x.requestBody = bytes.latin1Slice(0, Math.min(bytes.length, policy.logBodyLimit))
    if (!whole || bytes.length === 0) return ''
    const call = callAt(this.#way.path)
    const scanned = call === undefined ? this.#layers.dialects.relay['openai-chat'].scanRequest(bytes, 'embeddings', policy, { path: rest, query })
      : this.#dialect.scanRequest(bytes, call.operation, policy, { path: rest, query })
    if (!scanned.ok) return ''
    const { model, stream, user, maxTokens, choices, metadata } = scanned.value
    x.stream = stream
    x.user = user
    x.metadata = metadata
    x.choices = choices
    x.maxOutput = maxTokens < 0 ? -1 : Math.min(MOST_OUTPUT, maxTokens * choices)
    return model
  }

  #send(start: BodyStart, plan: Plan, admission: Admission): void {
    const { head, headers, body, length, maxBytes } = this.#request
    const { provider, path, token } = this.#way
    const lines = requestLines(passedHeaders(headers, head.header('connection'), true), provider.headers, token)
    new PassedAttempt(this.#layers, {
      exchange: this.#x, plan, admission, dialect: this.#dialect, sink: this.#sink, request: { body: start.bytes }, counts: head.method === 'POST',
      method: head.method, path: () => pathAt(provider, path), headers: () => lines + upstreamHeaders(this.#x), again: null, onSettled: null,
      body: (_target, onUnfit) => {
        if (length === 0) return null
        const passed = new PassBody(start.whole ? start.bytes.length : length, maxBytes, onUnfit, this.#layers.collectYoung)
        passed.feed(start.bytes.length === 0 ? [] : [start.bytes], start.whole ? null : body)
        return passed
      },
    }).start()
  }
}
