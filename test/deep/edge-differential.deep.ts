import { expect, test } from 'vitest'
import { checkDifferential } from '../../packages/gateway/src/edge/differential.ts'

test('100,000 generated requests mean the same on the fast path as to node:http, or are refused', { timeout: 900_000 }, async () => {
  const seed = Number(process.env['HEADRACE_TEST_SEED'] ?? Date.now() % 2_147_483_647)
  console.log(`seed ${seed}: repeat with HEADRACE_TEST_SEED=${seed}`)
  const result = await checkDifferential(100_000, seed)
  expect(result.served).toBeGreaterThan(50_000)
})
