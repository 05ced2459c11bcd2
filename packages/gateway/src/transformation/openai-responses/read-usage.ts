import type { Writable } from '@headrace/bytes'
import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { asCount, asObject } from '../relay/json-value.ts'

/** The `usage` object of Responses in our terms. What is absent, negative, fractional or absurd is -1. */
export function readUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (usage === null) return UNKNOWN_USAGE
  const input = asObject(usage['input_tokens_details'])
  const output = asObject(usage['output_tokens_details'])
  return {
    inputTokens: asCount(usage['input_tokens']),
    outputTokens: asCount(usage['output_tokens']),
    cachedInputTokens: asCount(input?.['cached_tokens']),
    cacheWriteTokens: asCount(input?.['cache_write_tokens']),
    reasoningTokens: asCount(output?.['reasoning_tokens']),
  }
}

/** And back. Counts that are not known are 0: the object must have them; null = nothing is known. */
export function usageObject(usage: Usage): Writable {
  if (usage === UNKNOWN_USAGE) return null
  const input = Math.max(usage.inputTokens, 0)
  const output = Math.max(usage.outputTokens, 0)
  return {
    input_tokens: input, input_tokens_details: { cached_tokens: Math.max(usage.cachedInputTokens, 0), cache_write_tokens: Math.max(usage.cacheWriteTokens, 0) },
    output_tokens: output, output_tokens_details: { reasoning_tokens: Math.max(usage.reasoningTokens, 0) }, total_tokens: input + output,
  }
}
