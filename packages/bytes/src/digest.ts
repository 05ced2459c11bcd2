import { hash } from 'node:crypto'

/** Lower-case hex SHA-256, one-shot (cheaper than a `Hash` object for short input). A string is hashed as UTF-8. */
export const sha256Hex = (input: string | Uint8Array): string => hash('sha256', input, 'hex')
