import { isUtf8 } from 'node:buffer'
import { scanMembers, type MemberScan } from '@headrace/bytes'
import { failure, gatewayError, success, type GatewayError, type Operation, type RelayDialect, type Result, type ScannedRequest, type Span } from '@headrace/contract'

/** What a dialect calls its bound on output. `judged`: members that stand where it has no usage option, no older bound and no choices, and what is wrong with their values where nothing is kept. */
interface ScannedMembers {
  readonly bound: string
  readonly judged?: { readonly names: readonly [string, string, string], readonly judge: (values: readonly string[]) => GatewayError | null }
}

/** There is room for ten. */
function namesOf({ bound, judged }: ScannedMembers): readonly string[] {
  const [options, older, choices] = judged === undefined ? ['stream_options', 'max_tokens', 'n'] : judged.names
  return ['model', 'stream', options, 'user', 'metadata', older, bound, choices, 'temperature', 'seed']
}
const MODEL = 0, STREAM = 1, OPTIONS = 2, USER = 3, METADATA = 4, MAX_TOKENS = 5, MAX_COMPLETION_TOKENS = 6, CHOICES = 7, TEMPERATURE = 8, SEED = 9
const OPTION_KEYS = ['include_usage']
/** Their `stream` means nothing. */
const WITHOUT_STREAM: ReadonlySet<Operation> = new Set(['embeddings', 'rerank', 'moderation'])
const MODEL_LIMIT = 256
const USER_LIMIT = 256
const METADATA_LIMIT = 4096
/** Characters of a number. */
const COUNT_LIMIT = 400
export const ABSENT: Span = Object.freeze({ start: -1, end: -1 })
const NO_OPTIONS: Options = Object.freeze({ includeUsage: false, span: ABSENT, includeUsageSpan: ABSENT })
const QUOTE = 0x22, OPEN_BRACE = 0x7b, MINUS = 0x2d, POINT = 0x2e, ZERO = 0x30, EXPONENT = 0x65
/** Good model names seen lately. Their number is a power of two. */
const RECENT = 32
const recent: string[] = Array.from({ length: RECENT }, () => '')

interface Options { readonly includeUsage: boolean, readonly span: Span, readonly includeUsageSpan: Span }

/**
 * Reads what routing needs from a request body without parsing it. Whether the whole is a good request is for the provider to say; but the body
 * is never understood in a way that the provider could understand differently: keys we read may not stand there twice, escaped keys are decoded
 * (and then the whole is parsed), nothing may follow the object.
 */
export const scanRequest: RelayDialect['scanRequest'] = scannerFor({ bound: 'max_completion_tokens' })

/** The same for a dialect with other members. Values are judged as latin1 JSON texts; '' = absent. */
export function scannerFor(members: ScannedMembers): RelayDialect['scanRequest'] {
  const names = namesOf(members)
  const judge = members.judged?.judge
  return judge === undefined ? (body, operation, limits) => scan(names, null, body, operation, limits) : (body, operation, limits) => scan(names, judge, body, operation, limits)
}

function scan(names: readonly string[], judge: ((values: readonly string[]) => GatewayError | null) | null, body: Buffer, operation: Operation, limits: { readonly jsonDepth: number }): Result<ScannedRequest> {
  if (!isUtf8(body)) return invalid('The body is not valid UTF-8. Send JSON encoded as UTF-8.')
  const text = body.latin1Slice()
  let members = scanMembers(body, text, names, limits.jsonDepth)
  const escapedKeys = members.status === 'unsure'
  if (escapedKeys) members = scanMembers(body, text, names, limits.jsonDepth, true)
  if (members.status !== 'ok') return failure(scanError(body, members, limits.jsonDepth))
  // Depth is bounded by now: a whole parse is safe, and settles what an odd body means.
  if (escapedKeys && parse(body.utf8Slice(0, body.length)) === undefined) return invalid('The body is not valid JSON.')

  const modelSpan = spanAt(members, MODEL)
  const model = readModel(text, modelSpan)
  if (typeof model !== 'string') return failure(model)
  const stream = WITHOUT_STREAM.has(operation) ? false : readFlag(text, spanAt(members, STREAM))
  if (stream === null) return invalid('"stream" must be true or false.', 'stream')
  const objection = judge === null ? null : judge([OPTIONS, MAX_TOKENS, CHOICES].map(index => valueAt(text, spanAt(members, index))))
  const options = judge === null ? readOptions(body, text, spanAt(members, OPTIONS), limits.jsonDepth) : success(NO_OPTIONS)
  if (!options.ok) return options
  const maxCompletion = readCount(text, spanAt(members, MAX_COMPLETION_TOKENS))
  const scanned: ScannedRequest = {
    text,
    model,
    stream,
    path: operation,
    includeUsage: options.value.includeUsage,
    user: readUser(text, spanAt(members, USER)),
    metadata: readMetadata(text, spanAt(members, METADATA)),
    maxTokens: maxCompletion >= 0 || judge !== null ? maxCompletion : readCount(text, spanAt(members, MAX_TOKENS)),
    choices: judge === null ? Math.max(1, readCount(text, spanAt(members, CHOICES))) : 1,
    deterministic: isDeterministic(text, members, TEMPERATURE, SEED),
    modelSpan,
    optionsSpan: options.value.span,
    includeUsageSpan: options.value.includeUsageSpan,
  }
  return success(objection === null ? scanned : { ...scanned, stateless: objection })
}

const fault = (message: string, param: string | null): GatewayError => gatewayError('invalid-request', message, { param })
const invalid = (message: string, param: string | null = null): Result<never> => failure(fault(message, param))

export function spanAt(scan: MemberScan, index: number): Span {
  const start = scan.starts[index] ?? -1
  return start < 0 ? ABSENT : { start, end: scan.ends[index] ?? -1 }
}

const valueAt = (text: string, { start, end }: Span): string => start < 0 ? '' : text.slice(start, end)

/** What is wrong with a body that the scan did not take. */
export function scanError(body: Buffer, scan: MemberScan, depth: number): GatewayError {
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

export function readModel(text: string, span: Span): string | GatewayError {
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
export function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Null = neither true nor false. */
export function readFlag(text: string, span: Span): boolean | null {
  if (span.start < 0 || isLiteral(text, span, 'false') || isLiteral(text, span, 'null')) return false
  return isLiteral(text, span, 'true') ? true : null
}

const isLiteral = (text: string, span: Span, literal: string): boolean =>
  span.end - span.start === literal.length && text.startsWith(literal, span.start)

/** Temperature 0, however it is written (`0.0`, `-0e1`), or any seed; by their places among the names. */
export function isDeterministic(text: string, { starts, ends }: MemberScan, temperature: number, seed: number): boolean {
  const first = text.charCodeAt(starts[seed] ?? -1)
  if (first === MINUS || first >= ZERO && first <= ZERO + 9) return true
  let zeros = 0
  for (let at = starts[temperature] ?? -1, end = ends[temperature] ?? -1; at < end; at++) {
    const char = text.charCodeAt(at)
    if (char === ZERO) zeros++
    else if ((char | 0x20) === EXPONENT) break
    else if (char !== POINT && char !== MINUS) return false
  }
  return zeros > 0
}

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
export function readCount(text: string, span: Span): number {
  if (span.start < 0 || span.end - span.start > COUNT_LIMIT) return -1
  const literal = text.slice(span.start, span.end)
  return /^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(literal) ? Math.ceil(Number(literal)) : -1
}
