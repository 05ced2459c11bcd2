import { expect, it } from 'vitest'
import { readJsonUsage } from './json-usage.ts'
import { readUsage } from './read-usage.ts'

const base = { inputTokens: 100, outputTokens: 50, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1 }

it.each<[string, object, object]>([
  ['thoughts within the output, as OpenAI counts', { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, completion_tokens_details: { reasoning_tokens: 30 } }, { ...base, reasoningTokens: 30 }],
  ['thoughts beside the output, as xAI counts', { prompt_tokens: 100, completion_tokens: 50, total_tokens: 180, completion_tokens_details: { reasoning_tokens: 30 } }, { ...base, outputTokens: 80, reasoningTokens: 30 }],
  ['thoughts and a total that proves nothing', { prompt_tokens: 100, completion_tokens: 50, total_tokens: 175, completion_tokens_details: { reasoning_tokens: 30 } }, { ...base, reasoningTokens: 30 }],
  ['thoughts without a total', { prompt_tokens: 100, completion_tokens: 50, completion_tokens_details: { reasoning_tokens: 30 } }, { ...base, reasoningTokens: 30 }],
  ['cached in the details', { prompt_tokens: 100, completion_tokens: 50, prompt_tokens_details: { cached_tokens: 64, cache_write_tokens: 10 } }, { ...base, cachedInputTokens: 64, cacheWriteTokens: 10 }],
  ['cached as DeepSeek says it', { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 }, { ...base, cachedInputTokens: 64 }],
  ['cached as Moonshot says it', { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, cached_tokens: 64 }, { ...base, cachedInputTokens: 64 }],
  ['cached twice: the details count', { cached_tokens: 1, prompt_cache_hit_tokens: 2, prompt_tokens: 100, completion_tokens: 50, prompt_tokens_details: { cached_tokens: 64 } }, { ...base, cachedInputTokens: 64 }],
  ['sound', { prompt_tokens: 100, completion_tokens: 50, prompt_tokens_details: { audio_tokens: 40, cached_tokens: 0 }, completion_tokens_details: { audio_tokens: 20, reasoning_tokens: 0 } },
    { ...base, cachedInputTokens: 0, reasoningTokens: 0, audioInputTokens: 40, audioOutputTokens: 20 }],
  ['no sound', { prompt_tokens: 100, completion_tokens: 50, prompt_tokens_details: { audio_tokens: 0 } }, base],
])('%s', (_, usage, neutral) => {
  expect(readUsage(usage)).toEqual(neutral)
  // Where it stands in an answer, and after an escape, which the quick reader leaves to the parser.
  expect(readJsonUsage(JSON.stringify({ choices: [], usage })).usage).toEqual(neutral)
  expect(readJsonUsage(JSON.stringify({ choices: [], usage: { ...usage, note: '\n' } })).usage).toEqual(neutral)
})
