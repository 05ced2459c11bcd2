import { gatewayError, type ErrorKind, type GatewayError, type ResponseHead } from '@headrace/contract'
import { classifyResponse as classify, classifyStreamError, clampRetryMs, isError } from '../relay/classify-response.ts'
import { asList, asObject, asText, parseJson } from '../relay/json-value.ts'

/** Google tells a key that is wrong with status 400, and quotas that last for a day like rates that last for a minute. */
const BAD_KEY: ReadonlySet<string> = new Set(['API_KEY_INVALID', 'API_KEY_SERVICE_BLOCKED', 'API_KEY_EXPIRED'])
const LONG_QUOTA = /PerDay|per_day|FreeTier.*limit: 0/

/** Maps an answer that is not a stream, as `RelayDialect.classifyResponse` has it; Google's own details say more than the status. */
export function classifyResponse(status: number, head: ResponseHead, body: Buffer | string): GatewayError | null {
  if (status >= 200 && status < 300) return classify(status, head, body)
  const details = readDetails(parseJson(typeof body === 'string' ? body : body.latin1Slice()))
  const plain = classify(status, head, body)
  if (plain === null) return null
  if (status === 400 && details.badKey) return { ...plain, kind: 'upstream-auth', message: 'The provider refused the gateway\'s credentials. The operator must check the provider\'s key.' }
  if (status === 429 && details.longQuota) return { ...plain, kind: 'upstream-quota', message: 'The gateway\'s account at the provider has no quota or credit left.' }
  return plain.retryAfterMs === 0 && WAITS.has(plain.kind) ? { ...plain, retryAfterMs: details.retryAfterMs } : plain
}

/** Failures that waiting may mend. */
const WAITS: ReadonlySet<ErrorKind> = new Set(['upstream-rate-limited', 'upstream-overloaded', 'upstream-server-error', 'upstream-quota'])

/** An error object in a stream that began well; null = the value is none. */
export function readStreamError(value: unknown): GatewayError | null {
  const error = asObject(value)?.['error']
  if (!isError(error)) return null
  const plain = classifyStreamError(value)
  const { retryAfterMs } = readDetails(value)
  return retryAfterMs === 0 ? plain : gatewayError(plain.kind, plain.message, { upstreamStatus: plain.upstreamStatus, retryAfterMs })
}

interface Details { readonly retryAfterMs: number, readonly badKey: boolean, readonly longQuota: boolean }

/** `error.details`; a refused stream may come as a list of one error. */
function readDetails(body: unknown): Details {
  const outer = asObject(Array.isArray(body) ? body[0] : body)
  let retryAfterMs = 0
  let badKey = false
  let longQuota = false
  for (const element of asList(asObject(outer?.['error'])?.['details'])) {
    const detail = asObject(element)
    if (detail === null) continue
    const delay = /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(asText(detail['retryDelay']))
    if (delay !== null) retryAfterMs = clampRetryMs(Number(delay[1]) * 1_000)
    if (BAD_KEY.has(asText(detail['reason']))) badKey = true
    for (const violation of asList(detail['violations'])) if (LONG_QUOTA.test(asText(asObject(violation)?.['quotaId']))) longQuota = true
  }
  return { retryAfterMs, badKey, longQuota }
}
