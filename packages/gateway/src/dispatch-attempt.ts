import { success, type EncodedRequest, type Exchange, type GatewayError, type ResponseHead, type Result, type Target, type UpstreamCall, type UpstreamHandler, type ClientSink } from '@headrace/contract'
import { Answer } from './answer.ts'
import { collectBehind } from './orchestration/memory/collect-garbage.ts'
import { timeoutsFor } from './orchestration/timeouts.ts'
import { ListAnswer } from './list-answer.ts'
import type { AttemptLayers, PreparedCall } from './prepared-call.ts'
import { fitRequest, type FittedRequest } from './transformation/relay/fit-request.ts'
import { TranslatedAnswer } from './translated-answer.ts'
import { lossForbidden, type Translated } from './translation.ts'

const UNFITTED: Pick<FittedRequest, 'dropped' | 'approximated'> = Object.freeze({ dropped: [], approximated: [] })

/** Sends a request to a target: as its client wrote it, or, `encoded`, as the target must have it. */
export function dispatchAttempt({ dispatch }: AttemptLayers, prepared: PreparedCall, x: Exchange, target: Target, encoded: EncodedRequest | null, handler: UpstreamHandler): UpstreamCall {
  const timeouts = timeoutsFor(x, target)
  return dispatch({
    origin: target.origin,
    method: 'POST',
    path: target.paths[encoded === null ? prepared.path : x.stream || x.operation === 'pass-through' ? 'chat-stream' : x.operation === 'completion' ? 'chat' : x.operation],
    headers: target.headers + prepared.headers + (encoded === null ? prepared.dialectHeaders : encoded.headers),
    credentialId: target.credentialId,
    body: encoded !== null ? encoded.body : target.quirks == null && prepared.foreign === '' ? prepared.body(target) : fittedBody(prepared, x, target),
    timeouts,
    deadline: x.startedAt + timeouts.total,
  }, handler)
}

/** The fast lane's body as a provider with quirks takes it, and without what it cannot read; what that loses goes on record. */
function fittedBody(prepared: PreparedCall, x: Exchange, target: Target): string {
  const { quirks } = target
  const body = prepared.body(target)
  const fitted = quirks == null || x.operation !== 'chat' ? null : fitRequest(body, quirks)
  x.dropped = prepared.foreign
  // One that cannot be fitted is not sent there, but for a copy that nobody waits for.
  if (fitted === null || !fitted.ok) return body
  x.dropped = droppedBy(prepared, fitted.value).join(', ')
  x.approximated = fitted.value.approximated.join(', ')
  return fitted.value.body
}

const droppedBy = ({ foreign }: PreparedCall, { dropped }: Pick<FittedRequest, 'dropped'>): readonly string[] => foreign === '' ? dropped : [foreign, ...dropped]

/** Why a request cannot go to a target of its client's own dialect; null = it can. */
export function objectionOf(prepared: PreparedCall, x: Exchange, target: Target): GatewayError | null {
  const quirks = x.operation === 'chat' ? target.quirks ?? null : null
  if (quirks === null && prepared.foreign === '') return null
  const fitted: Result<Pick<FittedRequest, 'dropped' | 'approximated'>> = quirks === null ? success(UNFITTED) : fitRequest(prepared.body(target), quirks)
  if (!fitted.ok) return fitted.error
  const { approximated } = fitted.value
  const dropped = droppedBy(prepared, fitted.value)
  if (x.plan?.strict !== true || dropped.length + approximated.length === 0) return null
  return lossForbidden([...dropped.map(field => ({ field, loss: 'dropped', how: '' } as const)), ...approximated.map(field => ({ field, loss: 'approximated', how: '' } as const))])
}

/** Takes the answer of an attempt that began at the request's beginning. */
export type ClientAnswer = Answer | TranslatedAnswer | ListAnswer

/** What takes the answer whose head has come. */
export function answerTo(prepared: PreparedCall, x: Exchange, translated: Translated | null, sink: ClientSink, status: number, head: ResponseHead): ClientAnswer {
  if (translated === null) return new Answer(x, prepared.dialect, sink, status, head, prepared.withholdUsage)
  return translated.kind === 'list' ? new ListAnswer(x, translated, sink, status, head, collectBehind) : new TranslatedAnswer(x, translated, sink, status, head)
}
