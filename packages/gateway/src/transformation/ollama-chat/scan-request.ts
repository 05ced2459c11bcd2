import { isUtf8 } from 'node:buffer'
import { scanMembers } from '@headrace/bytes'
import { failure, gatewayError, success, type Operation, type RequestHead, type Result, type ScannedRequest } from '@headrace/contract'
import { ABSENT, isDeterministic, parse, readCount, readFlag, readModel, scanError, spanAt } from '../relay/scan-request.ts'

const NAMES = ['model', 'stream', 'options'] as const
const MODEL = 0, STREAM = 1, OPTIONS = 2
const OPTION_NAMES = ['num_predict', 'temperature', 'seed']
const LATEST = ':latest'

/** The embedding of one text, in another shape than those of many. */
export const EMBEDDING_PATH = '/api/embeddings'
/** Answers to a prompt rather than to a conversation: another path, and another shape of answers. */
export const GENERATE_PATH = '/api/generate'

const invalid = (message: string, param: string | null = null): Result<never> => failure(gatewayError('invalid-request', message, { param }))

/** What routing needs of a request in Ollama's API. It streams unless it says otherwise. `:latest` is what every name without a tag means there. */
export function scanRequest(body: Buffer, operation: Operation, limits: { readonly jsonDepth: number }, head: Pick<RequestHead, 'path'>): Result<ScannedRequest> {
  if (!isUtf8(body)) return invalid('The body is not valid UTF-8. Send JSON encoded as UTF-8.')
  const text = body.latin1Slice()
  let scan = scanMembers(body, text, NAMES, limits.jsonDepth)
  const escapedKeys = scan.status === 'unsure'
  if (escapedKeys) scan = scanMembers(body, text, NAMES, limits.jsonDepth, true)
  if (scan.status !== 'ok') return failure(scanError(body, scan, limits.jsonDepth))
  if (escapedKeys && parse(body.utf8Slice(0, body.length)) === undefined) return invalid('The body is not valid JSON.')
  const modelSpan = spanAt(scan, MODEL)
  const model = readModel(text, modelSpan)
  if (typeof model !== 'string') return failure(model)
  const streamSpan = spanAt(scan, STREAM)
  const stream = operation === 'embeddings' ? false : streamSpan.start < 0 || text.startsWith('null', streamSpan.start) ? true : readFlag(text, streamSpan)
  if (stream === null) return invalid('"stream" must be true or false.', 'stream')
  const options = spanAt(scan, OPTIONS)
  const inner = options.start < 0 || text.startsWith('null', options.start) ? null : scanMembers(body, text, OPTION_NAMES, limits.jsonDepth, true, options.start, options.end)
  if (inner !== null && inner.status !== 'ok') return invalid('"options" is not a valid object, or names an option twice.', 'options')
  return success({
    text, model: model.endsWith(LATEST) && model.length > LATEST.length ? model.slice(0, -LATEST.length) : model, stream,
    path: head.path === GENERATE_PATH ? 'chat-array' : head.path === EMBEDDING_PATH ? 'embedding' : operation,
    includeUsage: true, user: '', metadata: '', choices: 1,
    maxTokens: inner === null ? -1 : readCount(text, spanAt(inner, 0)),
    deterministic: inner !== null && isDeterministic(text, inner, 1, 2),
    modelSpan, optionsSpan: ABSENT, includeUsageSpan: ABSENT,
  })
}
