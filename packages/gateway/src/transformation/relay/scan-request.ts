import { isUtf8 } from 'node:buffer'
import { scanMembers, type MemberScan } from '@headrace/bytes'
import { failure, gatewayError, success, type GatewayError, type Operation, type Result, type ScannedRequest, type Span } from '@headrace/contract'

const NAMES = ['model', 'stream', 'stream_options', 'user', 'metadata', 'max_tokens', 'max_completion_tokens', 'n'] as const
const MODEL = 0, STREAM = 1, OPTIONS = 2, USER = 3, METADATA = 4, MAX_TOKENS = 5, MAX_COMPLETION_TOKENS = 6, CHOICES = 7
const OPTION_KEYS = ['include_usage']
const MODEL_LIMIT = 256
const USER_LIMIT = 256
const METADATA_LIMIT = 4096
/** Characters of a number. */
const COUNT_LIMIT = 400
const ABSENT: Span = Object.freeze({ start: -1, end: -1 })
const NO_OPTIONS: Options = Object.freeze({ includeUsage: false, span: ABSENT, includeUsageSpan: ABSENT })
const QUOTE = 0x22, OPEN_BRACE = 0x7b
/** Good model names seen lately. Their number is a power of two. */
const RECENT = 32
const recent: string[] = Array.from({ length: RECENT }, () => '')

interface Options { readonly includeUsage: boolean, readonly span: Span, readonly includeUsageSpan: Span }

/**
 * Reads what routing needs from a request body without parsing it. Whether the whole is a good request is for the provider to say; but the body
 * is never understood in a way that the provider could understand differently: keys we read may not stand there twice, escaped keys are decoded
 * (and then the whole is parsed), nothing may follow the object.
 */
export function scanRequest(body: Buffer, operation: Operation, limits: { readonly jsonDepth: number }): Result<ScannedRequest> {
  if (!isUtf8(body)) return invalid('The body is not valid UTF-8. Send JSON encoded as UTF-8.')
  const text = body.latin1Slice()
  let scan = scanMembers(body, text, NAMES, limits.jsonDepth)
  const escapedKeys = scan.status === 'unsure'
  if (escapedKeys) scan = scanMembers(body, text, NAMES, limits.jsonDepth, true)
  if (scan.status !== 'ok') return failure(scanError(body, scan, limits.jsonDepth))
  // Depth is bounded by now: a whole parse is safe, and settles what an odd body means.
  if (escapedKeys && parse(body.utf8Slice(0, body.length)) === undefined) return invalid('The body is not valid JSON.')

  const modelSpan = spanAt(scan, MODEL)
  const model = readModel(text, modelSpan)
  if (typeof model !== 'string') return failure(model)
  const stream = operation === 'embeddings' ? false : readFlag(text, spanAt(scan, STREAM))
  if (stream === null) return invalid('"stream" must be true or false.', 'stream')
  const options = readOptions(body, text, spanAt(scan, OPTIONS), limits.jsonDepth)
  if (!options.ok) return options
  const maxCompletion = readCount(text, spanAt(scan, MAX_COMPLETION_TOKENS))
  return success({
    text,
    model,
    stream,
    includeUsage: options.value.includeUsage,
    user: readUser(text, spanAt(scan, USER)),
    metadata: readMetadata(text, spanAt(scan, METADATA)),
    maxTokens: maxCompletion >= 0 ? maxCompletion : readCount(text, spanAt(scan, MAX_TOKENS)),
    choices: Math.max(1, readCount(text, spanAt(scan, CHOICES))),
    modelSpan,
    optionsSpan: options.value.span,
    includeUsageSpan: options.value.includeUsageSpan,
  })
}

const fault = (message: string, param: string | null): GatewayError => gatewayError('invalid-request', message, { param })
const invalid = (message: string, param: string | null = null): Result<never> => failure(fault(message, param))

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

function readModel(text: string, span: Span): string | GatewayError {
  if (span.start < 0) return fault('"model" is missing. Name a model; GET /v1/models lists them.', 'model')
  const known = recentModel(text, span)
  if (known !== '') return known
  const model = readString(text, span)
  if (model === null) return fault('"model" is not a valid JSON string.', 'model')
  if (model === '') return fault('"model" is empty. Name a model; GET /v1/models lists them.', 'model')
  if (model.length > MODEL_LIMIT) return fault(`"model" is longer than ${MODEL_LIMIT} characters.`, 'model')
  if (hasControl(model) || !model.isWellFormed()) return fault('"model" contains control characters or broken Unicode.', 'model')
  if (model.length === span.end - span.start - 2) recent[recentSlot(text, span)] = model
  return model
}

/** Models repeat: one that was seen lately and is written plainly is known to be good, and needs neither a copy nor, where it is looked up, its hash. '' = none. */
function recentModel(text: string, span: Span): string {
  const model = recent[recentSlot(text, span)] ?? ''
  return model.length === span.end - span.start - 2 && text.charCodeAt(span.start) === QUOTE && text.startsWith(model, span.start + 1) ? model : ''
}

/** By the length and two characters in the middle. */
function recentSlot(text: string, span: Span): number {
  const middle = (span.start + span.end) >> 1
  return (span.end - span.start + text.charCodeAt(middle) + text.charCodeAt(middle - 1)) & (RECENT - 1)
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

/** The decoded string literal; null = not a string, or not a valid one. A string of its own: a slice of the text would keep the whole body alive in logs and caches. */
function readString(text: string, span: Span): string | null {
  if (text.charCodeAt(span.start) !== QUOTE) return null
  for (let at = span.start + 1; at < span.end - 1; at++) {
    const byte = text.charCodeAt(at)
    if (byte < 0x20 || byte > 0x7e || byte === 0x5c) return parseString(utf8(text.slice(span.start, span.end)))
  }
  return Buffer.from(text.slice(span.start + 1, span.end - 1), 'latin1').latin1Slice()
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

/** Null = neither true nor false. */
function readFlag(text: string, span: Span): boolean | null {
  if (span.start < 0 || isLiteral(text, span, 'false') || isLiteral(text, span, 'null')) return false
  return isLiteral(text, span, 'true') ? true : null
}

const isLiteral = (text: string, span: Span, literal: string): boolean =>
  span.end - span.start === literal.length && text.startsWith(literal, span.start)

function readOptions(body: Buffer, text: string, span: Span, depth: number): Result<Options> {
  if (span.start < 0) return success(NO_OPTIONS)
  if (isLiteral(text, span, 'null')) return success({ includeUsage: false, span, includeUsageSpan: ABSENT })
  if (text.charCodeAt(span.start) !== OPEN_BRACE) return invalid('"stream_options" must be an object.', 'stream_options')
  const inner = scanMembers(body, text, OPTION_KEYS, depth, true, span.start, span.end)
  if (inner.status !== 'ok') return invalid('"stream_options" is not a valid object, or names include_usage twice.', 'stream_options')
  const usage = spanAt(inner, 0)
  const includeUsage = readFlag(text, usage)
  if (includeUsage === null) return invalid('"stream_options.include_usage" must be true or false.', 'stream_options')
  return success({ includeUsage, span, includeUsageSpan: usage })
}

function readUser(text: string, span: Span): string {
  return span.start < 0 ? '' : (readString(text, span) ?? '').slice(0, USER_LIMIT).toWellFormed()
}

/** Only what is an object, whole, valid and short is recorded. */
function readMetadata(text: string, span: Span): string {
  if (span.start < 0 || text.charCodeAt(span.start) !== OPEN_BRACE || span.end - span.start > METADATA_LIMIT) return ''
  const json = utf8(text.slice(span.start, span.end))
  return parse(json) === undefined ? '' : json
}

/** A whole number, however it is written (`1e3` is a thousand to the provider too); rounded up. -1 = absent, or no number from 0 on. */
function readCount(text: string, span: Span): number {
  if (span.start < 0 || span.end - span.start > COUNT_LIMIT) return -1
  const literal = text.slice(span.start, span.end)
  return /^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(literal) ? Math.ceil(Number(literal)) : -1
}
