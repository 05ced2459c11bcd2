import { JsonView } from '@headrace/bytes'
import { failure, gatewayError, success, type Result } from '@headrace/contract'
import { InvalidRequest } from './field-reader.ts'

/** Reads a request body as a dialect's `decode` understands it. Errors: `invalid-request`, with the field that the reader objected to. */
export function decodeBody<T>(body: Buffer, decode: (root: JsonView) => T): Result<T> {
  const root = JsonView.parse(body.utf8Slice(0, body.length))
  if (root === null) return failure(gatewayError('invalid-request', 'The body is not valid JSON.'))
  try {
    return success(decode(root))
  } catch (error) {
    if (error instanceof InvalidRequest) return failure(error.error)
    throw error
  }
}
