import { gatewayError, type ErrorKind, type GatewayError, type ResponseHead } from '@headrace/contract'
import { asObject, parseJson } from './json-value.ts'

const RETRY_AFTER_CAP_MS = 120_000
const QUOTA = /insufficient_quota|credit_balance|billing|spend(ing)?_limit|quota_exceeded|payment_required|insufficient_credits|budget_exceeded/i
const RATE = /rate_?limit|too_many_requests|resource_exhausted/i
const OVERLOADED = /overloaded|unavailable|engine_busy/i
const INVALID = /invalid_request|context_length|content_policy|bad_request/i

/** What vendors and engines say of a request that is longer than the model's window, in codes and messages. */
const TOO_LONG = /context_?(length|window)|prompt is too long|maximum context length|context (length|window|size)|maximum number of tokens|too many (input )?tokens/i

const CLIENT_FAULTS: ReadonlySet<number> = new Set([400, 404, 405, 409, 413, 415, 422])

/** What to tell people, by kind; the provider's own text is never repeated. */
const MESSAGES: Partial<Record<ErrorKind, string>> = Object.freeze({
  'upstream-invalid-request': 'The provider refused the request as invalid. Check the parameters against what the model takes.',
  'upstream-context-length': 'The request is longer than what the model takes in. Send less of it, or name a model with a larger context window.',
  'upstream-auth': 'The provider refused the gateway\'s credentials. The operator must check the provider\'s key.',
  'upstream-quota': 'The gateway\'s account at the provider has no quota or credit left.',
  'upstream-rate-limited': 'The provider limits the rate of requests. Try again later.',
  'upstream-overloaded': 'The provider is overloaded. Try again later.',
  'upstream-server-error': 'The provider failed.',
})

/** What a provider's answer means, told in our words. */
export const refusal = (kind: ErrorKind, upstreamStatus: number, retryAfterMs: number): GatewayError =>
  gatewayError(kind, MESSAGES[kind] ?? 'The provider failed.', { upstreamStatus, retryAfterMs })
const protocol = (message: string, upstreamStatus: number): GatewayError => gatewayError('upstream-protocol', message, { upstreamStatus })

/** True for the content type of an event stream. */
export function isStream(type: string): boolean {
  if (type.startsWith('application/json')) return false
  return type.startsWith('text/event-stream') || type.trimStart().toLowerCase().startsWith('text/event-stream')
}

/** Maps a provider's answer that is not a stream: null = a good answer. `body`: a refusal's prefix (<= 64 KiB) or a whole good answer. */
export function classifyResponse(status: number, head: ResponseHead, body: Buffer | string): GatewayError | null {
  if (status >= 200 && status < 300) return checkAnswer(status, head, typeof body === 'string' ? body : body.latin1Slice())
  const retryAfterMs = readRetryAfter(head, Date.now())
  if (status < 400) return protocol(`The provider answered with status ${status}, which is no answer to a model call.`, status)
  if (status === 401 || status === 403) return refusal('upstream-auth', status, 0)
  if (status === 402) return refusal('upstream-quota', status, retryAfterMs)
  if (status === 429) return refusal(QUOTA.test(errorCode(parseBody(body))) ? 'upstream-quota' : 'upstream-rate-limited', status, retryAfterMs)
  if (status === 503 || status === 529) return refusal('upstream-overloaded', status, retryAfterMs)
  if (CLIENT_FAULTS.has(status)) return refusal(isTooLong(body) ? 'upstream-context-length' : 'upstream-invalid-request', status, 0)
  if (status >= 500) return refusal('upstream-server-error', status, retryAfterMs)
  return refusal(status === 408 || status === 425 ? 'upstream-server-error' : 'upstream-invalid-request', status, retryAfterMs)
}

/** A 200 can lie: an error in its body, a web page, half of an answer, nothing at all. Asked only of answers without usage at their end, so that what is parsed is seldom one. */
function checkAnswer(status: number, head: ResponseHead, text: string): GatewayError | null {
  const type = head.header('content-type') ?? 'application/json'
  if (!type.startsWith('application/json') && !type.toLowerCase().includes('json')) return protocol('The provider answered with something other than JSON.', status)
  if (text.trim() === '') return protocol('The provider\'s answer is empty.', status)
  const answer = asObject(parseJson(text))
  if (answer === null) return protocol('The provider\'s answer is not a JSON object, or not a whole one.', status)
  return isError(answer['error']) ? protocol('The provider answered with an error under status 200.', status) : null
}

/** The one refusal whose message is looked at: most vendors have no code for it. */
function isTooLong(body: Buffer | string): boolean {
  const outer = parseBody(body)
  const message = asObject(asObject(outer)?.['error'])?.['message']
  return TOO_LONG.test(errorCode(outer)) || (typeof message === 'string' && TOO_LONG.test(message.slice(0, 1_024)))
}

/** An `error` member that says something: null, false, '' and {} do not. */
export function isError(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return typeof value === 'string' ? value !== '' : typeof value === 'number' || value === true
}

/** An error object inside a stream that began well: its code says what it was. */
export function classifyStreamError(body: unknown): GatewayError {
  const code = errorCode(body)
  const kind: ErrorKind = QUOTA.test(code) ? 'upstream-quota'
    : RATE.test(code) || /\b429\b/.test(code) ? 'upstream-rate-limited'
      : OVERLOADED.test(code) || /\b(503|529)\b/.test(code) ? 'upstream-overloaded'
        : INVALID.test(code) || /\b(400|422)\b/.test(code) ? 'upstream-invalid-request' : 'upstream-server-error'
  return gatewayError(kind, kind === 'upstream-server-error' ? 'The provider reported an error inside the stream.' : MESSAGES[kind] ?? '', { upstreamStatus: 200 })
}

/** Code, type and status of an error body as one text for matching; the message is not looked at. */
function errorCode(body: unknown): string {
  const outer = asObject(body)
  const error = asObject(outer?.['error']) ?? outer
  if (error === null) return ''
  return [error['code'], error['type'], error['status']].filter(part => typeof part === 'string' || typeof part === 'number').join(' ').slice(0, 512)
}

const parseBody = (body: Buffer | string): unknown => parseJson(typeof body === 'string' ? body : body.latin1Slice())

/** `retry-after-ms`, or `retry-after` in seconds or as an HTTP date; within 0..120 s; 0 = not said, or junk. */
export function readRetryAfter(head: ResponseHead, now: number): number {
  const exact = clampRetryMs(decimal(head.header('retry-after-ms')))
  if (exact > 0) return exact
  const text = head.header('retry-after')
  if (text === undefined) return 0
  const seconds = decimal(text)
  if (!Number.isNaN(seconds)) return clampRetryMs(seconds * 1000)
  return /^[A-Z][a-z]{2,8},? /.test(text) ? clampRetryMs(Date.parse(text) - now) : 0
}

const decimal = (text: string | undefined): number => text !== undefined && /^\d{1,12}(\.\d{1,6})?$/.test(text.trim()) ? Number(text) : Number.NaN
/** Within 0..120 s; what is no number is 0. */
export const clampRetryMs = (ms: number): number => ms > 0 ? Math.min(Math.ceil(ms), RETRY_AFTER_CAP_MS) : 0
