import { expect, it } from 'vitest'
import { sha256Hex } from './digest.ts'
import { estimateTokens } from './token-estimate.ts'

it.each([['', 0], ['hello world', 2], ['internationalization', 4], ['12', 1], ['模型网关', 3], ['a, b', 3]])('estimates %j at %s tokens', (text, tokens) => {
  expect(estimateTokens(text)).toBe(tokens)
})

it('hashes text as UTF-8 and bytes alike', () => {
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect(sha256Hex(Buffer.from('é'))).toBe(sha256Hex('é'))
})
