import { isUtf8 } from 'node:buffer'
import { scanMembers, type MemberScan } from '@headrace/bytes'
import { failure, gatewayError, success, type GatewayError, type Operation, type Result, type ScannedRequest, type Span } from '@headrace/contract'

const NAMES = ['model', 'stream', 'stream_options', 'user', 'metadata', 'max_tokens', 'max_completion_tokens'] as const
const MODEL = 0, STREAM = 1, OPTIONS = 2, USER = 3, METADATA = 4, MAX_TOKENS = 5, MAX_COMPLETION_TOKENS = 6
const OPTION_KEYS = ['include_usage']
const MODEL_LIMIT = 256
const USER_LIMIT = 256
const METADATA_LIMIT = 4096
const ABSENT: Span = Object.freeze({ start: -1, end: -1 })
const NO_OPTIONS: Options = Object.freeze({ includeUsage: false, span: ABSENT, includeUsageSpan: ABSENT })
const QUOTE = 0x22, OPEN_BRACE = 0x7b

interface Options { readonly includeUsage: boolean, readonly span: Span, readonly includeUsageSpan: Span }

/**
 * Reads what routing needs from a request body without parsing it. Whether the whole is a good request is for the provider to say; but the body
 * is never understood in a way that the provider could understand differently: keys we read may not stand there twice, escaped keys are decoded
 * (and then the whole is parsed), nothing may follow the object.
 */
export function scanRequest(body: Buffer, operation: Operation, limits: { readonly jsonDepth: number }): Result<ScannedRequest> {
  if (!isUtf8(body)) return invalid('The body is not valid UTF-8. Send JSON encoded as UTF-8.')
  const text = body.latin1Slice()
  let scan = scanMembers(text, NAMES, limits.jsonDepth)
  const escapedKeys = scan.status === 'unsure'
  if (escapedKeys) scan = scanMembers(text, NAMES, limits.jsonDepth, true)
  if (scan.status !== 'ok') return failure(scanError(body, scan, limits.jsonDepth))
  // Depth is bounded by now: a whole parse is safe, and settles what an odd body means.
  if (escapedKeys && parse(body.utf8Slice(0, body.length)) === undefined) return invalid('The body is not valid JSON.')

  const model = readModel(body, text, spanAt(scan, MODEL))
  if (!model.ok) return model
  const stream = operation === 'embeddings' ? success(false) : readStream(text, spanAt(scan, STREAM))
  if (!stream.ok) return stream
  const options = readOptions(text, spanAt(scan, OPTIONS), limits.jsonDepth)
  if (!options.ok) return options
  const maxCompletion = readCount(text, spanAt(scan, MAX_COMPLETION_TOKENS))
  return success({
    text,
    model: model.value,
    stream: stream.value,
    includeUsage: options.value.includeUsage,
    user: readUser(body, text, spanAt(scan, USER)),
    metadata: readMetadata(text, spanAt(scan, METADATA)),
    maxTokens: maxCompletion >= 0 ? maxCompletion : readCount(text, spanAt(scan, MAX_TOKENS)),
    modelSpan: spanAt(scan, MODEL),
    optionsSpan: options.value.span,
    includeUsageSpan: options.value.includeUsageSpan,
  })
}

function invalid(message: string, param: string | null = null): Result<never> {
  return failure(gatewayError('invalid-request', message, { param }))
}

function spanAt(scan: MemberScan, index: number): Span {
  const start = scan.starts[index] ?? -1
  return start < 0 ? ABSENT : { start, end: scan.ends[index] ?? -1 }
}

function scanError(body: Buffer, scan: MemberScan, depth: number): GatewayError {
  const where = `byte ${scan.offset}, line ${lineAt(body, scan.offset)}`
  if (scan.status === 'duplicate') {
    return gatewayError('invalid-request', `A parameter stands twice in the body (${where}). Send it once.`)
  }
  if (scan.status === 'too-deep') return gatewayError('invalid-request', `The body is nested deeper than ${depth} levels (value at ${where}). Flatten it, or raise server.limits.json_depth.`)
  if (scan.status === 'not-object') return gatewayError('invalid-request', 'The body is JSON, but not an object. Send an object with "model".')
  return body.length === 0
    ? gatewayError('invalid-request', 'The body is empty. Send a JSON object with "model".')
    : gatewayError('invalid-request', `The body is not one valid JSON object: it breaks at ${where}.`)
}

/** Only on the way to an error. */
function lineAt(body: Buffer, offset: number): number {
  let line = 1
  for (let at = body.indexOf(0x0a); at >= 0 && at < offset; at = body.indexOf(0x0a, at + 1)) line++
  return line
}

function readModel(body: Buffer, text: string, span: Span): Result<string> {
  if (span.start < 0) return invalid('"model" is missing. Name a model; GET /v1/models lists them.', 'model')
  const model = readString(body, text, span)
  if (model === null) return invalid('"model" is not a valid JSON string.', 'model')
  if (model === '') return invalid('"model" is empty. Name a model; GET /v1/models lists them.', 'model')
  if (model.length > MODEL_LIMIT) return invalid(`"model" is longer than ${MODEL_LIMIT} characters.`, 'model')
  if (hasControl(model) || !model.isWellFormed()) return invalid('"model" contains control characters or broken Unicode.', 'model')
  return success(model)
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return true
  }
  return false
}

/** Latin1 to the text that its bytes are. */
const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')

/** The decoded string literal; null = not a string, or not a valid one. */
function readString(body: Buffer, text: string, span: Span): string | null {
  if (text.charCodeAt(span.start) !== QUOTE) return null
  for (let at = span.start + 1; at < span.end - 1; at++) {
    const byte = text.charCodeAt(at)
    if (byte < 0x20 || byte > 0x7e || byte === 0x5c) return parseString(utf8(text.slice(span.start, span.end)))
  }
  // A string of its own: a slice of the text would keep the whole body alive in logs and caches.
  return body.latin1Slice(span.start + 1, span.end - 1)
}

function parseString(json: string): string | null {
  const value = parse(json)
  return typeof value === 'string' ? value : null
}

/** Undefined = not JSON. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function readStream(text: string, span: Span): Result<boolean> {
  if (span.start < 0) return success(false)
  const literal = text.slice(span.start, Math.min(span.end, span.start + 8))
  if (literal === 'true') return success(true)
  if (literal === 'false' || literal === 'null') return success(false)
  return invalid('"stream" must be true or false.', 'stream')
}

function readOptions(text: string, span: Span, depth: number): Result<Options> {
  if (span.start < 0) return success(NO_OPTIONS)
  const first = text.charCodeAt(span.start)
  if (first === 0x6e && text.slice(span.start, span.end) === 'null') return success({ includeUsage: false, span, includeUsageSpan: ABSENT })
  if (first !== OPEN_BRACE) return invalid('"stream_options" must be an object.', 'stream_options')
  const inner = scanMembers(text, OPTION_KEYS, depth, true, span.start, span.end)
  if (inner.status !== 'ok') return invalid('"stream_options" is not a valid object, or names include_usage twice.', 'stream_options')
  const usage = spanAt(inner, 0)
  const literal = usage.start < 0 ? 'null' : text.slice(usage.start, Math.min(usage.end, usage.start + 8))
  if (literal !== 'true' && literal !== 'false' && literal !== 'null') return invalid('"stream_options.include_usage" must be true or false.', 'stream_options')
  return success({ includeUsage: literal === 'true', span, includeUsageSpan: usage })
}

function readUser(body: Buffer, text: string, span: Span): string {
  return span.start < 0 ? '' : (readString(body, text, span) ?? '').slice(0, USER_LIMIT).toWellFormed()
}

/** Only what is an object, whole, valid and short is recorded. */
function readMetadata(text: string, span: Span): string {
  if (span.start < 0 || text.charCodeAt(span.start) !== OPEN_BRACE || span.end - span.start > METADATA_LIMIT) return ''
  const json = utf8(text.slice(span.start, span.end))
  return parse(json) === undefined ? '' : json
}

function readCount(text: string, span: Span): number {
  if (span.start < 0 || span.end - span.start > 16) return -1
  const literal = text.slice(span.start, span.end)
  return /^\d+$/.test(literal) ? Number(literal) : -1
}
