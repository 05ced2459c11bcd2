import { gatewayError, type FinishMeaning, type FinishReason, type GatewayError, type HiddenRefusal, type ProviderQuirks, type RefusalShape, type RelayDialect, type ResponseHead, type StreamEvent } from '@headrace/contract'
import { asciiJson } from './ascii-json.ts'
import { readRetryAfter, refusal as refusalOf } from './classify-response.ts'
import { asText, parseJson } from './json-value.ts'

/** Characters of a refusal's words that are kept. */
const WORDS_LIMIT = 4_096
/** A quote inside a text is escaped, so this is a member wherever it stands. */
const FINISH = /"finish_reason"(\s*:\s*)"([^"\\]{1,64})"/g

/** An answer, or whole events of one, in the dialect's words. `error`: the provider broke off there; what comes after is not part of the answer. */
export interface FittedText { readonly text: string, readonly error: GatewayError | null }

/** Says a provider's own finish reasons as the dialect does. `text` is latin1: a JSON answer, or whole events of a stream. */
export function fitFinish(text: string, quirks: ProviderQuirks): FittedText {
  const reasons = quirks.finishReasons
  if (reasons === undefined || !text.includes('"finish_reason"')) return { text, error: null }
  let brokenAt = -1
  const fitted = text.replace(FINISH, (whole, colon: string, reason: string, at: number) => {
    const meaning = Object.hasOwn(reasons, reason) ? reasons[reason] : undefined
    if (meaning === 'error' && brokenAt < 0) brokenAt = at
    return meaning === undefined || meaning === 'error' ? whole : `"finish_reason"${colon}"${meaning}"`
  })
  if (brokenAt < 0) return { text: fitted, error: null }
  // Nothing before it was longer or shorter than it is now but for finish reasons of other choices: the event begins after the last empty line.
  const begin = Math.max(text.lastIndexOf('\n\n', brokenAt) + 2, text.lastIndexOf('\n\r\n', brokenAt) + 3, text.lastIndexOf('\r\r', brokenAt) + 2)
  return { text: begin < 4 ? '' : text.slice(0, begin), error: brokenOff() }
}

const NEUTRAL = Object.freeze({ stop: 'stop', length: 'length', tool_calls: 'tool-calls', content_filter: 'content-filter', error: 'other' } as const satisfies Record<FinishMeaning, FinishReason>)

/** The same for a finish that was decoded: what it is known as here, beside the provider's own word. */
export function neutralFinish(event: Extract<StreamEvent, { type: 'finish' }>, { finishReasons }: ProviderQuirks): StreamEvent {
  const meaning = finishReasons !== undefined && Object.hasOwn(finishReasons, event.raw) ? finishReasons[event.raw] : undefined
  return meaning === undefined ? event : { ...event, reason: NEUTRAL[meaning] }
}

/** The provider says by its finish reason that it broke off; null = it does not. */
export function brokenFinish(reason: string, quirks: ProviderQuirks): GatewayError | null {
  return quirks.finishReasons !== undefined && Object.hasOwn(quirks.finishReasons, reason) && quirks.finishReasons[reason] === 'error' ? brokenOff() : null
}

const brokenOff = (): GatewayError => gatewayError('upstream-overloaded', 'The provider broke the answer off and said so in its finish reason.', { upstreamStatus: 200 })

/** A refusal in the dialect's shape (`{error: {message, type, param, code}}`), so that what reads those reads it; as it came where nothing of the shape is in it. Latin1. */
export function fitRefusal(body: string, status: number, { refusal, statuses }: ProviderQuirks): string {
  const kind = statuses?.[status]
  if (refusal === undefined && kind === undefined) return body
  const value = parseJson(Buffer.from(body, 'latin1').toString('utf8'))
  const message = firstText(value, refusal?.message ?? ['error.message'])
  if (message === '') return body
  const shape: RefusalShape = refusal ?? { message: [] }
  const code = firstText(value, shape.code ?? ['error.code', 'error.type'])
  const param = firstText(value, shape.param ?? ['error.param'])
  return asciiJson({ error: { message: message.slice(0, WORDS_LIMIT).toWellFormed(), type: 'invalid_request_error', param: param === '' ? null : param, code: code === '' ? null : code } })
}

/** What an answer is that is no stream, as its dialect and its provider's quirks have it; null = a good one. */
export function classifyFitted(dialect: RelayDialect, status: number, head: ResponseHead, body: string, quirks: ProviderQuirks | null): GatewayError | null {
  const kind = quirks?.statuses?.[status]
  return kind === undefined ? dialect.classifyResponse(status, head, body) : refusalOf(kind, status, readRetryAfter(head, Date.now()))
}

/** An error that came with status 200; null = there is none. */
export function hiddenRefusal(body: string, { code, ok, kinds }: HiddenRefusal): GatewayError | null {
  const value = memberAt(parseJson(body), code)
  if (typeof value !== 'number' || value === ok) return null
  return gatewayError(kinds[String(value)] ?? 'upstream-server-error', 'The provider refused the request under status 200.', { upstreamStatus: 200 })
}

function firstText(value: unknown, paths: readonly string[]): string {
  for (const path of paths) {
    const found = memberAt(value, path)
    const text = typeof found === 'number' ? String(found) : asText(found)
    if (text !== '') return text
  }
  return ''
}

/** `` = the value itself. */
function memberAt(value: unknown, path: string): unknown {
  let at = value
  for (const step of path === '' ? [] : path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[step]
  }
  return at
}
