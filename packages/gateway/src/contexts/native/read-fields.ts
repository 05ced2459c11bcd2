import { minifyJson, type JsonView } from '@headrace/bytes'
import { failure, gatewayError, success, type GatewayError, type JsonText, type RequestHead, type Result } from '@headrace/contract'

const METADATA_BYTES = 16_384
const NOTE_BYTES = 65_536
const TTL_MOST_S = 10 * 365 * 86_400
const TTL_LEAST_S = 1

export const refused = <E extends GatewayError>(error: E): Result<never, { readonly error: E }> => failure({ error })

/** `metadata`, an object; undefined = not given, '' = null. Latin1 in, text out. */
export function readMetadata(body: JsonView): Result<JsonText | undefined> {
  const view = body.get('metadata')
  if (view.kind === 'absent') return success(undefined)
  if (view.kind === 'null') return success('')
  if (view.kind !== 'object') return failure(gatewayError('invalid-request', '"metadata" must be an object.', { param: 'metadata' }))
  const text = minifyJson(Buffer.from(view.raw, 'latin1').toString('utf8'))
  return text.length > METADATA_BYTES ? failure(gatewayError('invalid-request', `"metadata" takes up to ${METADATA_BYTES} characters of JSON.`, { param: 'metadata' })) : success(text)
}

/** `ttl_seconds`, in ms; undefined = not given, null = for ever. */
export function readTtl(body: JsonView): Result<number | null | undefined> {
  const view = body.get('ttl_seconds')
  if (view.kind === 'absent') return success(undefined)
  if (view.kind === 'null') return success(null)
  const seconds = view.number
  if (seconds === null || !Number.isInteger(seconds) || seconds < TTL_LEAST_S || seconds > TTL_MOST_S) {
    return failure(gatewayError('invalid-request', `"ttl_seconds" must be a whole number from ${TTL_LEAST_S} to ${TTL_MOST_S}, or null: until it is deleted.`, { param: 'ttl_seconds' }))
  }
  return success(seconds * 1_000)
}

export function readCount(query: URLSearchParams, name: string, initial: number, least: number, most: number): Result<number> {
  const text = query.get(name)
  if (text === null) return success(initial)
  const count = /^\d{1,9}$/.test(text) ? Number(text) : -1
  return count < least || count > most ? failure(gatewayError('invalid-request', `"${name}" must be a whole number from ${least} to ${most}.`, { param: name })) : success(count)
}

/** `value` of a note, any JSON but null. Latin1 in, text out. */
export function readNote(body: JsonView): Result<JsonText> {
  const view = body.get('value')
  if (!view.given) return failure(gatewayError('invalid-request', '"value" must be there: any JSON but null. DELETE takes a note away.', { param: 'value' }))
  return view.raw.length > NOTE_BYTES ? failure(gatewayError('invalid-request', `"value" takes up to ${NOTE_BYTES} bytes of JSON.`, { param: 'value' })) : success(minifyJson(Buffer.from(view.raw, 'latin1').toString('utf8')))
}

/** The version of a note that a request expects: `If-Match` with its ETag, `If-None-Match: *` for none (0); null = it does not mind. Of another form = one that there never is. */
export function expectedNote(head: RequestHead): number | null {
  const match = head.header('if-match')
  if (match !== undefined && match !== '*') return Number(/^"(\d{1,15})"$/.exec(match)?.[1] ?? -1)
  return head.header('if-none-match') === '*' ? 0 : null
}
