import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { asCount, asObject } from '../relay/json-value.ts'

/** OpenAI's `usage` object in our terms. What is absent, negative, fractional or absurd is -1. */
export function readUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (usage === null) return UNKNOWN_USAGE
  const input = asObject(usage['prompt_tokens_details'])
  const output = asObject(usage['completion_tokens_details'])
  return {
    inputTokens: asCount(usage['prompt_tokens']),
    outputTokens: asCount(usage['completion_tokens']),
    cachedInputTokens: asCount(input?.['cached_tokens']),
    cacheWriteTokens: asCount(input?.['cache_write_tokens']),
    reasoningTokens: asCount(output?.['reasoning_tokens']),
  }
}
