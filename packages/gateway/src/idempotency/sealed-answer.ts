import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { packHeaded, unpackHeaded } from '@headrace/bytes'
import type { KeptAnswer } from '@headrace/contract'
import type { RequestKeys } from './request-key.ts'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** An answer as it is kept: nonce, what it says, and a tag that holds it to its name. All of it is sealed, also status and headers. */
export function sealAnswer({ name, answerKey }: RequestKeys, { status, headers, stream, body }: KeptAnswer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, answerKey, nonce).setAAD(Buffer.from(JSON.stringify(name)))
  return Buffer.concat([nonce, cipher.update(packHeaded({ status, headers, stream }, body)), cipher.final(), cipher.getAuthTag()])
}

/** What was sealed; null = it is not what was sealed under these keys and this name. */
export function openAnswer({ name, answerKey }: RequestKeys, sealed: Buffer): KeptAnswer | null {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return null
  const decipher = createDecipheriv(CIPHER, answerKey, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(JSON.stringify(name))).setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  let packed: Buffer
  try {
    packed = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES)), decipher.final()])
  } catch {
    return null
  }
  const opened = unpackHeaded(packed)
  return opened === null ? null : { ...opened.head as Omit<KeptAnswer, 'body'>, body: opened.bytes } // sealed by `sealAnswer`, as the tag proves
}
