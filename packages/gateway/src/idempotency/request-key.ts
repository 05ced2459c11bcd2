import { createHmac, hkdfSync } from 'node:crypto'
import { failure, gatewayError, success, type WireName, type IdempotencyName, type Principal, type Result } from '@headrace/contract'

/** Characters of a key: as many as Stripe takes. */
const MAX_KEY = 255
const VISIBLE = /^[\x21-\x7e]+$/
/** A string of RFC 9651, as draft-ietf-httpapi-idempotency-key-header writes the key. */
const QUOTED = /^"(?:[^"\\]|\\["\\])*"$/
/** Bytes of each of the three values that are derived: as long as SHA-256 is. */
const DERIVED_BYTES = 32

/** The key of an `Idempotency-Key` header: as it stands, or in the draft's quotation marks. */
export function readKey(value: string): Result<string> {
  const key = QUOTED.test(value) ? value.slice(1, -1).replaceAll(/\\(["\\])/g, '$1') : value
  if (key.length <= MAX_KEY && VISIBLE.test(key)) return success(key)
  return failure(gatewayError('invalid-request', `The Idempotency-Key must be one value of 1 to ${MAX_KEY} visible ASCII characters without spaces. Use a new random one (a UUID) for each request, and the same one to send it again.`, { param: 'Idempotency-Key' }))
}

/** What a request with an idempotency key is called, compared by and locked with. Only the name leaves the worker. */
export interface RequestKeys {
  readonly name: IdempotencyName
  readonly fingerprintKey: Buffer
  readonly answerKey: Buffer
}

/**
 * Derives them from the key and the caller's token (HKDF, RFC 5869), which only the client has: neither is stored, and none of the three leads to another. Keys that
 * are easily guessed (`order-17`) do no harm, because the token is random. Those of different tenants, credentials and end users never meet (invariant 8).
 */
export function deriveKeys({ tenant, keyId, endUser }: Principal, token: string, key: string): RequestKeys {
  // Neither holds a line break: no other pair reads the same.
  const derived = Buffer.from(hkdfSync('sha256', `${token}\n${key}`, JSON.stringify([tenant, keyId, endUser]), 'headrace idempotency 1', 3 * DERIVED_BYTES))
  return {
    name: { tenant, id: derived.toString('hex', 0, DERIVED_BYTES) },
    fingerprintKey: derived.subarray(DERIVED_BYTES, 2 * DERIVED_BYTES),
    answerKey: derived.subarray(2 * DERIVED_BYTES),
  }
}

/** What makes it the same request: where it goes, byte for byte what it says, and the dialect's own headers. Tells nothing to who has not its key. */
export function fingerprintOf({ fingerprintKey }: RequestKeys, dialect: WireName, operation: string, dialectHeaders: string, body: Buffer): string {
  return createHmac('sha256', fingerprintKey).update(`${JSON.stringify([dialect, operation, dialectHeaders])}\n`).update(body).digest('hex')
}
