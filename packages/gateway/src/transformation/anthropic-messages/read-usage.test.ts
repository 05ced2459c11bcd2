import { expect, it } from 'vitest'
import { readJsonUsage } from './json-usage.ts'

it.each<[string, object, object]>([
  ['for five minutes', { cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 0 } }, {}],
  ['for an hour', { cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 } }, { longCacheWriteTokens: 20 }],
  ['for nobody knows how long', {}, {}],
])('what was written to the cache %s', (_, more, told) => {
  const usage = { input_tokens: 5, cache_read_input_tokens: 7, cache_creation_input_tokens: 30, output_tokens: 9, ...more }
  expect(readJsonUsage(JSON.stringify({ type: 'message', usage })).usage)
    .toEqual({ inputTokens: 42, outputTokens: 9, cachedInputTokens: 7, cacheWriteTokens: 30, reasoningTokens: -1, ...told })
})
