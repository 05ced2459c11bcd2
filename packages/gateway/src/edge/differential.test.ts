import { expect, test } from 'vitest'
import { checkDifferential } from './differential.ts'

test('10,000 generated requests mean the same on the fast path as to node:http, or are refused (check H2)', { timeout: 120_000 }, async () => {
  const seed = Number(process.env['HEADRACE_TEST_SEED'] ?? 20_261_125)
  const result = await checkDifferential(10_000, seed)
  // Proof that the generator does not only make refusals.
  expect(result.served).toBeGreaterThan(5_000)
})
