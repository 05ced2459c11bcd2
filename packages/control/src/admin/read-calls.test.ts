import { expect, test } from 'vitest'
import type { Policy } from '@headrace/contract'
import { boundedLimit } from './read-calls.ts'

const policy = (logBodyLimit: number): Policy => ({ askUsage: true, maxAttempts: 3, holdLimit: 1, logCalls: true, logBodies: 'full', logBodyLimit, jsonDepth: 128 })

test.each([
  ['nothing asked', undefined, 65_536, 100], ['the most, with bodies of the default limit', 1000, 65_536, 1000], ['few rows with large bodies', 3, 2 ** 20, 3],
  ['many rows with large bodies', 1000, 2 ** 20, 79], ['the largest bodies that can be configured', 1000, 16 * 2 ** 20, 4], ['no bodies', 1000, 0, 1000],
] as const)('%s', (_name, asked, bodyLimit, limit) => {
  expect(boundedLimit(asked, policy(bodyLimit))).toBe(limit)
})
