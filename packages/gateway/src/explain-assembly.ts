import { RawJson, utf8AsLatin1, writeJson } from '@headrace/bytes'
import { failure, gatewayError, success, type Call, type ContextReading, type Principal, type Result, type Snapshot } from '@headrace/contract'
import type { ContextDialect } from './context-turn.ts'
import { itemOf } from './contexts/canonical-item.ts'
import { keptTools } from './contexts/kept-tools.ts'
import { extendRendering, NOTHING, wholeText } from './contexts/runs.ts'
import type { Dialects } from './translation.ts'

export interface AssemblyLayers {
  readonly dialects: Dialects
  readonly chat: ContextDialect
  /** Input tokens of a call. */
  readonly estimate: (call: Call) => number
}

/** What a model would be asked with, were a turn to come now: target, size, and what it would not be told. JSON text in latin1. Errors: as for a call of that model. */
export function explainAssembly({ dialects, chat, estimate }: AssemblyLayers, snapshot: Snapshot, { state, items }: ContextReading, model: string, principal: Principal): Result<string> {
  const plan = snapshot.plan(model, principal)
  if (!plan.ok) return plan
  const target = plan.value.targets[0]
  if (target === undefined) return failure(gatewayError('model-not-found', 'The model has no target.', { param: 'model' }))
  const rendered = wholeText(extendRendering(NOTHING, items.map(({ bytes }) => itemOf(bytes)), chat), chat)
  const tools = keptTools(state.settings, 'openai-chat')
  const body = `{"model":"x","messages":[${rendered}]${tools === '' ? '' : `,"tools":${tools}`}}`
  const call = dialects.translating['openai-chat'].decodeRequest(Buffer.from(body, 'latin1'))
  if (!call.ok) return call
  const request = target.dialect === 'openai-chat' ? null : dialects.translating[target.dialect].encodeRequest(call.value, target)
  if (request !== null && !request.ok) return request
  const known = target.facts?.contextWindow ?? -1
  const window = known < 0 ? null : known
  const tokens = estimate(call.value)
  return success(utf8AsLatin1(writeJson({
    object: 'context.assembly', model, target: `${target.provider}/${target.model}`, dialect: target.dialect, policy: 'append-only', seq: state.seq, head: state.head,
    items: items.length, bytes: body.length, estimated_input_tokens: tokens, context_window: window, fits: window === null ? null : tokens < window,
    losses: request === null ? [] : request.value.notes.map(({ field, loss, how }) => ({ field, loss, how })),
    ...(state.settings === '' ? {} : { settings: new RawJson(Buffer.from(state.settings, 'latin1').toString('utf8')) }),
  })))
}
