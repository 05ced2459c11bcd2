import { segmentText } from '@headrace/bytes'
import type { Exchange, Outcome, Principal, Target } from '@headrace/contract'

// Principals and targets live as long as their snapshot: their part of a record is rendered once.
const principalText = new WeakMap<Principal, string>()
const targetText = new WeakMap<Target, string>()
let lastWallTime = 0
let lastWallText = '0'

/** The exchange's values in the order of `INTENT_FIELDS`, without brackets. */
export function intentFields(x: Exchange): string {
  if (x.wallTime !== lastWallTime) {
    lastWallTime = x.wallTime
    lastWallText = String(x.wallTime)
  }
  return `${lastWallText},"${x.wire}","${x.operation}",${principalFields(x)},${segmentText(x.model)},${targetFields(x.target)},`
    + `${x.stream ? 1 : 0},${x.requestBytes},${micros(x, x.admittedAt)},${micros(x, x.attemptAt)},`
    + `${x.requestId === x.id ? '0' : segmentText(x.requestId)},${x.traceId === '' ? '""' : segmentText(x.traceId)},`
    + `${x.metadata === '' ? '""' : segmentText(x.metadata)},${x.tags === '' ? '""' : segmentText(x.tags)},${x.reservedNano},${priceVersion(x.target)}`
}

/** The exchange's values in the order of `SETTLED_FIELDS`. Only a request's last record tells the client's status. */
export function settledFields(x: Exchange, outcome: Outcome, final: boolean): string {
  const usage = x.usage
  return `"${outcome}",${final ? x.status : 0},${x.upstreamStatus},"${x.error ?? ''}",${x.finishReason === '' ? '""' : segmentText(x.finishReason)},`
    + `${usage.inputTokens},${usage.outputTokens},${usage.cachedInputTokens},${usage.cacheWriteTokens},${usage.reasoningTokens},${x.responseBytes},`
    + `${micros(x, x.sentAt)},${micros(x, x.headAt)},${micros(x, x.firstByteAt)},${micros(x, x.committedAt)},`
    + `${micros(x, final ? x.settledAt : performance.now())},${final ? bodies(x) : 'null,null'},${x.costNano},`
    + `${x.dropped === '' ? '""' : segmentText(x.dropped)},${x.approximated === '' ? '""' : segmentText(x.approximated)},${x.route === '' ? '""' : segmentText(x.route)},${x.compared === '' ? '""' : segmentText(x.compared)}`
}

function principalFields(x: Exchange): string {
  const principal = x.principal
  // Nobody was recognised: such refusals belong to the built-in tenant.
  if (principal === null) return `"default","","","",${x.user === '' ? '""' : segmentText(x.user)}`
  let text = principalText.get(principal)
  if (text === undefined) {
    text = [principal.tenant, principal.team ?? '', principal.app ?? '', principal.keyId].map(segmentText).join(',')
    principalText.set(principal, text)
  }
  const endUser = principal.endUser ?? x.user
  return `${text},${endUser === '' ? '""' : segmentText(endUser)}`
}

function targetFields(target: Target | null): string {
  if (target === null) return '"",""'
  let text = targetText.get(target)
  if (text === undefined) {
    text = `${segmentText(target.provider)},${segmentText(target.model)}`
    targetText.set(target, text)
  }
  return text
}

const priceVersion = (target: Target | null): string => target?.price == null ? '""' : segmentText(target.price.version)

function bodies(x: Exchange): string {
  if (x.snapshot.policy.logBodies === 'none') return 'null,null'
  return `${segmentText(x.requestBody)},${segmentText(x.responseBody)}`
}

/** Whole microseconds since the exchange began: small integers are the cheapest numbers to print. */
function micros(x: Exchange, at: number): number {
  return at === 0 ? -1 : Math.round((at - x.startedAt) * 1000)
}
