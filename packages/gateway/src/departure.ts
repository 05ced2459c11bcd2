import { ERROR_POLICY, gatewayError, type ClientSink, type Exchange, type GatewayError, type RelayDialect } from '@headrace/contract'
import { Attempts } from './attempts.ts'
import { upstreamHeaders } from './edge/correlation.ts'
import type { JourneyLayers, JourneyRequest } from './journey-request.ts'
import { MirrorSink } from './mirror-sink.ts'
import { Admission } from './orchestration/limits/limiter.ts'
import type { PreparedCall } from './prepared-call.ts'
import type { Rescue } from './rescue.ts'
import { Shadow } from './shadow.ts'
import { fieldName } from './transformation/neutral/field-names.ts'

export function admit(layers: JourneyLayers, request: JourneyRequest): void {
  const { x } = request
  const admission = layers.limiter.admit(x, request, x.maxOutput)
  if (admission instanceof Promise) void admission.then(late => depart(layers, request, late))
  else depart(layers, request, admission)
}

/** The limits have spoken; a plugin may object; then the attempts. */
export function depart(layers: JourneyLayers, request: JourneyRequest, admission: Admission | GatewayError, resumes: Rescue | null = null): void {
  const { x, dialect, sink, scanned, plan, dialectHeaders, acceptsRestart } = request
  x.answerHeaders = layers.limiter.headers(x)
  if (!(admission instanceof Admission)) return refuse(layers, x, dialect, sink, admission)
  x.admittedAt = performance.now()
  const { hooks, policy } = x.snapshot
  const mirror = plan.shadow == null || resumes !== null || !layers.shadows.wants(plan.shadow) ? null : new MirrorSink(sink)
  const own = dialect.withoutForeign === undefined ? scanned : dialect.withoutForeign(scanned)
  const prepared: PreparedCall = {
    exchange: x, plan, dialect, sink: mirror ?? sink, admission,
    body: target => dialect.spliceRequest(own, target.modelJson, policy.askUsage && target.usageOption),
    foreign: own === scanned ? '' : fieldName(x.dialect, 'thoughts'),
    path: scanned.path,
    request,
    headers: upstreamHeaders(x),
    dialectHeaders,
    withholdUsage: policy.askUsage && !scanned.includeUsage,
    acceptsRestart, resumes,
  }
  const attempts = new Attempts(layers, prepared)
  if (mirror !== null && plan.shadow != null) new Shadow(layers, prepared, plan.shadow, mirror)
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

/**
 * Answers a request that never reached a provider, and records it. Who is not known is only counted: otherwise anybody could fill the disk,
 * and no tenant could see the row. `headers`: lines; `members`: of the error's body, before its own, each ending in a comma.
 */
export function refuse(layers: JourneyLayers, x: Exchange, dialect: RelayDialect, sink: ClientSink, error: GatewayError, headers = '', members = ''): void {
  const told = dialect.encodeError(error, x.requestId)
  x.error = error.kind
  x.status = told.status
  x.committedAt = x.settledAt = performance.now()
  sink.respond(told.status, told.headers + x.answerHeaders + headers, members === '' ? told.body : `{${members}${told.body.slice(1)}`)
  if (x.principal !== null) layers.journal.settle(x, 'refused', true)
  layers.metrics.observe(x, true)
}

/** The client left while its key or its context was looked up. */
export function leave(layers: JourneyLayers, x: Exchange): void {
  x.error = 'client-closed'
  x.status = ERROR_POLICY['client-closed'].status
  x.settledAt = performance.now()
  layers.journal.settle(x, 'refused', true)
  layers.metrics.observe(x, true)
}
