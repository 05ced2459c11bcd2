import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { generateKey, isWellFormedKey } from './generate-key.ts'

test('a key has its form, its digest, a short prefix, and is not made twice', () => {
  const keys = Array.from({ length: 200 }, generateKey)
  for (const key of keys) {
    expect(isWellFormedKey(key.token)).toBe(true)
    expect(key.digest).toBe(hash('sha256', key.token))
    expect(key.prefix).toBe(key.token.slice(0, 8))
  }
  expect(new Set(keys.map(key => key.token)).size).toBe(200)
  expect(new Set(keys.map(key => key.keyId)).size).toBe(200)
})

test('a typing error anywhere breaks the checksum', () => {
  const { token } = generateKey()
  for (let index = 0; index < token.length; index++) {
    expect(isWellFormedKey(token.slice(0, index) + (token[index] === 'x' ? 'y' : 'x') + token.slice(index + 1))).toBe(false)
  }
})
