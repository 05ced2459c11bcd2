import { hash } from 'node:crypto'
import { failure, gatewayError, success, type DialectId, type IdempotencyName, type Operation, type Principal, type Result } from '@headrace/contract'

/** Characters of a key: as many as Stripe takes. */
const MAX_KEY = 255
const VISIBLE = /^[\x21-\x7e]+$/
/** A string of RFC 9651, as draft-ietf-httpapi-idempotency-key-header writes the key. */
const QUOTED = /^"(?:[^"\\]|\\["\\])*"$/

/** The key of an `Idempotency-Key` header: as it stands, or in the draft's quotation marks. */
export function readKey(value: string): Result<string> {
  const key = QUOTED.test(value) ? value.slice(1, -1).replaceAll(/\\(["\\])/g, '$1') : value
  if (key.length <= MAX_KEY && VISIBLE.test(key)) return success(key)
  return failure(gatewayError('invalid-request', `The Idempotency-Key must be one value of 1 to ${MAX_KEY} visible ASCII characters without spaces. Use a new random one (a UUID) for each request, and the same one to send it again.`, { param: 'Idempotency-Key' }))
}

/** Keys of different tenants, credentials and end users never meet (invariant 8). */
export function nameOf({ tenant, keyId, endUser }: Principal, key: string): IdempotencyName {
  return { tenant, id: hash('sha256', JSON.stringify([tenant, keyId, endUser, key]), 'hex') }
}

/** What makes it the same request: where it goes, byte for byte what it says, and the dialect's own headers. */
export function fingerprintOf(dialect: DialectId, operation: Operation, dialectHeaders: string, body: Buffer): string {
  return hash('sha256', `${JSON.stringify([dialect, operation, dialectHeaders])}${hash('sha256', body, 'hex')}`, 'hex')
}
