import { randomBytes } from 'node:crypto'

const ID = /^ctx_[A-Za-z0-9_-]{22}$/

/** Unguessable: 128 random bits. */
export const newContextId = (): string => `ctx_${randomBytes(16).toString('base64url')}`

export const isContextId = (text: string): boolean => ID.test(text)
