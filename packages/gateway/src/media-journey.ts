import {
  Exchange, failure, gatewayError, success,
  type ClientSink, type GatewayError, type IncomingRequest, type MediaOperation, type Plan, type RelayDialect, type Result, type ServeIncoming, type Target,
} from '@headrace/contract'
import { refuse } from './departure.ts'
import { readCorrelation, upstreamHeaders } from './edge/correlation.ts'
import { readRequestTimeout } from './edge/request-timeout.ts'
import type { Admission } from './orchestration/limits/limiter.ts'
import { callerOf, type PassageLayers } from './passage.ts'
import { PassedAttempt } from './passed-attempt.ts'
import { PassedGuest } from './passed-guest.ts'
import { FormWatch } from './passing/form-watch.ts'
import { HEAD_BYTES, readMediaBody, readSpooledForm, type MediaBody } from './passing/media-body.ts'
import { mediaRoute, type MediaRoute } from './passing/media-route.ts'
import { PassBody, readStart, type BodyStart } from './passing/pass-body.ts'
import { requestLines } from './passing/pass-headers.ts'
import type { SpooledBody, UploadSpool } from './passing/upload-spool.ts'

/** A target's own content type is JSON's; a request of this kind brings its own. */
const CONTENT_TYPE = /^content-type: [^\r\n]*\r\n/
const UNREADABLE = Object.freeze(gatewayError('internal', 'What was put aside of the request could not be read again.'))

export interface MediaLayers extends PassageLayers { readonly uploads: UploadSpool }

/**
 * The journey of a model call about pictures or sound (`/v1/images/...`, `/v1/audio/...`): routed by its model like any other, while its body, which may be large, goes by as it
 * comes. It goes to the next target as long as all of it that is gone is still held, and no byte of an answer is with the client.
 */
export function createMediaJourney(layers: MediaLayers): ServeIncoming {
  return (request, sink) => {
    const { head } = request
    const route = mediaRoute(head.path) ?? { operation: 'image-generation', form: 'never' }
    const snapshot = layers.snapshot()
    const x = new Exchange(layers.nextId(), snapshot, 'openai-chat', route.operation, Date.now(), performance.now())
    const dialect = layers.dialects.relay['openai-chat']
    layers.metrics.begin()
    readCorrelation(x, head)
    const caller = callerOf(snapshot, head)
    if (!caller.ok) return refuse(layers, x, dialect, sink, caller.error)
    x.principal = caller.value.principal
    const error = objectionTo(layers, x, request)
    if (error !== null) return refuse(layers, x, dialect, sink, error)
    new MediaCall(layers, x, request, sink, route, caller.value.token, dialect).start()
  }
}

/** What speaks against a request before its body is read; null = nothing. */
function objectionTo(layers: PassageLayers, x: Exchange, { head }: IncomingRequest): GatewayError | null {
  if (head.method !== 'POST') return gatewayError('method-not-allowed', `${head.path} takes POST, not ${head.method}.`)
  if (layers.memory.full) return layers.memory.refuse()
  if (x.snapshot.idempotency != null && head.header('idempotency-key') !== undefined) return gatewayError('invalid-request', `Answers of ${head.path} are not kept: leave the header Idempotency-Key out.`, { param: 'Idempotency-Key' })
  const asked = head.header('headrace-timeout')
  if (asked === undefined) return null
  const timeouts = readRequestTimeout(asked)
  if (!timeouts.ok) return timeouts.error
  x.timeouts = timeouts.value
  return null
}

/** One such request, until its first attempt begins. */
class MediaCall {
  readonly #layers: MediaLayers
  readonly #x: Exchange
  readonly #request: IncomingRequest
  readonly #sink: ClientSink
  readonly #route: MediaRoute
  readonly #token: string
  readonly #dialect: RelayDialect
  readonly #guest: PassedGuest
  /** Null = none of it had to be put aside. */
  #spooled: SpooledBody | null = null

  constructor(layers: MediaLayers, x: Exchange, request: IncomingRequest, sink: ClientSink, route: MediaRoute, token: string, dialect: RelayDialect) {
    this.#layers = layers
    this.#x = x
    this.#request = request
    this.#sink = sink
    this.#route = route
    this.#token = token
    this.#dialect = dialect
    this.#guest = new PassedGuest(layers, x, sink, dialect, () => this.#spooled?.close())
  }

  start(): void {
    const { body, length } = this.#request
    this.#x.requestBytes = Math.max(0, length)
    readStart(body, HEAD_BYTES, start => {
      // The pieces that it was joined from are garbage of which V8 does not know how much memory it holds.
      if (!start.whole) this.#layers.collectYoung()
      if (!this.#guest.gone) this.#admit(start)
    })
  }

  #admit(start: BodyStart): void {
    const body = readMediaBody(this.#route, this.#request, start, this.#dialect, this.#x.snapshot.policy)
    if (!body.ok) this.#guest.refuse(body.error)
    else if (body.value instanceof FormWatch) void this.#putAside(start, body.value)
    else this.#ask(body.value)
  }

  /** The model stands behind a large file: it is known when all of the form has been seen. */
  async #putAside(start: BodyStart, watch: FormWatch): Promise<void> {
    const { body, maxBytes } = this.#request
    const spooled = await this.#layers.uploads.take(start, body, maxBytes, chunk => watch.push(chunk))
    if (this.#guest.gone) return spooled.ok ? spooled.value.close() : undefined
    if (!spooled.ok) return this.#guest.refuse(spooled.error)
    this.#spooled = spooled.value
    const form = readSpooledForm(watch, spooled.value)
    if (form.ok) this.#ask(form.value)
    else this.#guest.refuse(form.error)
  }

  /** May it go where it is to go? */
  #ask(body: MediaBody): void {
    const x = this.#x
    const { model, stream, user, counted } = body
    x.model = model
    x.stream = stream
    x.user = user
    const { logBodies, logBodyLimit } = x.snapshot.policy
    if (logBodies === 'full') x.requestBody = counted.latin1Slice(0, Math.min(counted.length, logBodyLimit))
    const plan = this.#plan(model)
    if (!plan.ok) return this.#guest.refuse(plan.error)
    x.plan = plan.value
    this.#guest.admit(counted, -1, admission => this.#send(body, plan.value, admission))
  }

  #plan(model: string): Result<Plan> {
    const { snapshot, principal } = this.#x
    if (principal === null) return failure(gatewayError('unauthenticated', 'Nobody is known.'))
    const plan = snapshot.plan(model, principal)
    return plan.ok ? withOperation(plan.value, this.#route.operation) : plan
  }

  #send(media: MediaBody, plan: Plan, admission: Admission): void {
    const { head, maxBytes } = this.#request
    const accept = head.header('accept')
    const own = requestLines(['content-type', head.header('content-type') ?? '', ...(accept === undefined ? [] : ['accept', accept])], {}, this.#token)
    let last: PassBody | null = null
    new PassedAttempt(this.#layers, {
      exchange: this.#x, plan, admission, dialect: this.#dialect, sink: this.#sink, request: { body: media.counted }, counts: true, method: 'POST',
      path: target => target.paths[this.#route.operation],
      headers: target => target.headers.replace(CONTENT_TYPE, '') + own + upstreamHeaders(this.#x),
      again: () => media.kept || last?.restBegun !== true,
      body: (target, onUnfit) => {
        const { start, rest, bytes } = media.sentTo(target)
        last = new PassBody(bytes, maxBytes, onUnfit, this.#layers.collectYoung, media.inspect)
        if (media.kept && rest !== null) {
          rest.once('error', () => onUnfit(UNREADABLE))
          last.once('close', () => rest.destroy())
        }
        last.feed(start, rest)
        return last
      },
      onSettled: () => this.#spooled?.close(),
    }).start()
  }
}

/** The part of a plan whose targets have the operation. */
function withOperation(plan: Plan, operation: MediaOperation): Result<Plan> {
  const has = (target: Target): boolean => target.paths[operation] !== ''
  if (plan.targets.every(has)) return success(plan)
  const targets = plan.targets.filter(has)
  return targets.length > 0 ? success({ ...plan, targets })
    : failure(gatewayError('invalid-request', `The model's provider speaks ${plan.targets[0]?.dialect ?? 'another dialect'}, which has no such operation (${operation}). Name a model of another provider.`, { param: 'model' }))
}
