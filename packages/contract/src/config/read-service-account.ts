import { createPrivateKey, type KeyObject } from 'node:crypto'
import { failure, success, type Result } from '../errors.ts'
import type { ServiceAccountGrant } from '../token-grant.ts'

/** What Google's tokens for models are asked for: https://docs.cloud.google.com/vertex-ai/docs/authentication */
const CLOUD_SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
/** Where tokens may be got: https, or http on this machine. */
export const TOKEN_URL = /^(?:https:\/\/|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/])\S{1,2040}$/
const EMAIL = /^[\x21-\x7e]{3,320}$/
const KEY_ID = /^[\x21-\x7e]{0,128}$/
/** Bits: a shorter key signs nothing that is to be believed (RFC 7518, section 3.3). */
const LEAST_BITS = 2_048

/**
 * A grant of the text of a service account's key file, as Google's consoles write it (`GOOGLE_APPLICATION_CREDENTIALS` names such a file). Errors: what is
 * wrong, in words that go on from "the key file"; never anything of what it holds but its type.
 */
export function readServiceAccount(text: string, scope: string | null): Result<ServiceAccountGrant, string> {
  const file = parse(text)
  if (file === null) return failure('is not JSON: give the whole text of it, as it was downloaded')
  const { type, client_email: email, private_key: privateKey, private_key_id: keyId = '', token_uri: tokenUrl } = file
  if (type !== 'service_account') return failure(`is of the type ${typeof type === 'string' && /^\w{1,40}$/.test(type) ? `\`${type}\`` : 'unknown'}: Headrace takes keys of service accounts (\`service_account\`)`)
  if (typeof email !== 'string' || !EMAIL.test(email)) return failure('has no `client_email`')
  if (typeof tokenUrl !== 'string' || !TOKEN_URL.test(tokenUrl)) return failure('has no `token_uri` that is an `https://` URL')
  if (typeof keyId !== 'string' || !KEY_ID.test(keyId)) return failure('has a `private_key_id` that is none')
  const key = typeof privateKey === 'string' ? keyOf(privateKey) : null
  if (typeof privateKey !== 'string' || key === null) return failure('has no `private_key` that can be read: a PEM text is expected')
  if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < LEAST_BITS) return failure(`has a \`private_key\` that is no RSA key of ${LEAST_BITS} bits or more`)
  return success({ kind: 'service-account', tokenUrl, email, keyId, privateKey, scope: scope ?? CLOUD_SCOPE })
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : null // read by key, every value unknown
  } catch {
    return null
  }
}

function keyOf(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem)
  } catch {
    return null
  }
}
