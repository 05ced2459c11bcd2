import { isUtf8 } from 'node:buffer'
import { scanMembers } from '@headrace/bytes'
import { failure, gatewayError, success, type Operation, type RequestHead, type Result, type ScannedRequest, type Span } from '@headrace/contract'
import { ABSENT, isDeterministic, parse, readCount, scanError, spanAt } from '../relay/scan-request.ts'
import { asksForEvents, readCallPath } from './call-path.ts'

const NAMES = ['generationConfig', 'generation_config', 'model', 'generateContentRequest', 'generate_content_request'] as const
const CONFIG = 0, SNAKE_CONFIG = 1, MODEL = 2, WRAPPED = 3, SNAKE_WRAPPED = 4
const COUNTS = ['maxOutputTokens', 'max_output_tokens', 'candidateCount', 'candidate_count', 'temperature', 'seed']
const WRAPPED_NAMES = ['model']
const MODEL_LIMIT = 256
const CONTROL = /[\x00-\x1f\x7f-\x9f]/

const invalid = (message: string, param: string | null = null): Result<never> => failure(gatewayError('invalid-request', message, { param }))

/**
 * What routing needs: the model and whether to stream from the path, the bounds on the output from the body. As in the other dialects, a body is never
 * understood in a way that the provider could understand differently: a field in both of its spellings is one that stands there twice.
 */
export function scanRequest(body: Buffer, operation: Operation, limits: { readonly jsonDepth: number }, head: Pick<RequestHead, 'path' | 'query'>): Result<ScannedRequest> {
  const call = readCallPath(head.path)
  if (call === null) return invalid('The model\'s name in the path is not valid percent-encoding.', 'model')
  const { model, stream } = call
  if (model.length > MODEL_LIMIT) return invalid(`The model's name is longer than ${MODEL_LIMIT} characters.`, 'model')
  if (CONTROL.test(model) || !model.isWellFormed()) return invalid('The model\'s name contains control characters or broken Unicode.', 'model')
  if (!isUtf8(body)) return invalid('The body is not valid UTF-8. Send JSON encoded as UTF-8.')
  if (body.length === 0) return invalid('The body is empty. Send a JSON object with "contents".')
  const text = body.latin1Slice()
  let scan = scanMembers(body, text, NAMES, limits.jsonDepth)
  const escapedKeys = scan.status === 'unsure'
  if (escapedKeys) scan = scanMembers(body, text, NAMES, limits.jsonDepth, true)
  if (scan.status === 'not-object') return invalid('The body is JSON, but not an object. Send an object with "contents".')
  if (scan.status !== 'ok') return failure(scanError(body, scan, limits.jsonDepth))
  if (escapedKeys && parse(body.utf8Slice(0, body.length)) === undefined) return invalid('The body is not valid JSON.')

  const config = oneOf(spanAt(scan, CONFIG), spanAt(scan, SNAKE_CONFIG))
  const wrapped = oneOf(spanAt(scan, WRAPPED), spanAt(scan, SNAKE_WRAPPED))
  if (config === null || wrapped === null) return invalid('A parameter stands in the body in both of its spellings. Send it once.')
  const counts = readCounts(body, text, config, limits.jsonDepth)
  if (!counts.ok) return counts
  return success({
    text, model, stream,
    path: !stream ? call.path ?? operation : asksForEvents(head.query) ? 'chat-stream' : 'chat-array',
    includeUsage: true, user: '', metadata: '',
    ...counts.value,
    modelSpan: operation === 'count-tokens' ? wrappedModel(body, text, wrapped, limits.jsonDepth) ?? spanAt(scan, MODEL) : spanAt(scan, MODEL),
    optionsSpan: ABSENT, includeUsageSpan: ABSENT,
  })
}

/** Null = both. */
function oneOf(camel: Span, snake: Span): Span | null {
  if (camel.start >= 0 && snake.start >= 0) return null
  return camel.start >= 0 ? camel : snake
}

interface Counts { readonly maxTokens: number, readonly choices: number, readonly deterministic: boolean }
const NO_COUNTS: Counts = Object.freeze({ maxTokens: -1, choices: 1, deterministic: false })

function readCounts(body: Buffer, text: string, span: Span, depth: number): Result<Counts> {
  if (span.start < 0 || text.startsWith('null', span.start)) return success(NO_COUNTS)
  const scan = scanMembers(body, text, COUNTS, depth, true, span.start, span.end)
  const maxTokens = oneOf(spanAt(scan, 0), spanAt(scan, 1))
  const choices = oneOf(spanAt(scan, 2), spanAt(scan, 3))
  if (scan.status !== 'ok' || maxTokens === null || choices === null) return invalid('"generationConfig" is not a valid object, or names a parameter twice.', 'generationConfig')
  return success({ maxTokens: count(text, maxTokens), choices: Math.max(1, count(text, choices)), deterministic: isDeterministic(text, scan, 4, 5) })
}

/** JSON of a protocol buffer may write whole numbers as strings. */
function count(text: string, span: Span): number {
  return span.start >= 0 && text.charCodeAt(span.start) === 0x22 ? readCount(text, { start: span.start + 1, end: span.end - 1 }) : readCount(text, span)
}

/** A question for tokens may hold the whole request that it is about, and that one names the model again. */
function wrappedModel(body: Buffer, text: string, span: Span, depth: number): Span | null {
  if (span.start < 0) return null
  const scan = scanMembers(body, text, WRAPPED_NAMES, depth, true, span.start, span.end)
  return scan.status === 'ok' ? spanAt(scan, 0) : null
}
