import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'

/** Counts above this are nonsense (a trillion tokens). */
export const COUNT_LIMIT = 1e12

/** Narrows to a JSON object. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : null
}

/** OpenAI's `usage` object in our terms. What is absent, negative, fractional or absurd is -1. */
export function readUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (usage === null) return UNKNOWN_USAGE
  const input = asObject(usage['prompt_tokens_details'])
  const output = asObject(usage['completion_tokens_details'])
  return {
    inputTokens: count(usage['prompt_tokens']),
    outputTokens: count(usage['completion_tokens']),
    cachedInputTokens: count(input?.['cached_tokens']),
    cacheWriteTokens: count(input?.['cache_write_tokens']),
    reasoningTokens: count(output?.['reasoning_tokens']),
  }
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= COUNT_LIMIT ? value : -1
}
