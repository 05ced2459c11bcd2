import { hash, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 32 characters of base 62 are 190 random bits. */
const RANDOM_LENGTH = 32
const CHECKSUM_LENGTH = 6
const TOKEN = /^hr_([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/

export interface GeneratedKey {
  /** `hr_` + 32 random characters + 6 of checksum. Shown once, stored nowhere. */
  readonly token: string
  /** The parts of a `KeyRecord` that follow from it. */
  readonly keyId: string
  readonly digest: string
  readonly prefix: string
}

/** Makes a virtual key. The checksum lets scanners and people tell a key from noise without asking anybody. */
export function generateKey(): GeneratedKey {
  const random = randomText(RANDOM_LENGTH)
  const token = `hr_${random}${checksum(random)}`
  return { token, keyId: `key_${randomText(16)}`, digest: hash('sha256', token, 'hex'), prefix: token.slice(0, 8) }
}

/** The text has a key's form and its checksum agrees. Says nothing about whether the key is known. */
export function isWellFormedKey(token: string): boolean {
  const match = TOKEN.exec(token)
  return match?.[1] !== undefined && checksum(match[1]) === match[2]
}

function randomText(length: number): string {
  return Array.from({ length }, () => BASE62[randomInt(BASE62.length)]).join('')
}

function checksum(text: string): string {
  let value = crc32(text)
  let digits = ''
  while (digits.length < CHECKSUM_LENGTH) {
    digits = BASE62[value % 62] + digits
    value = Math.floor(value / 62)
  }
  return digits
}
