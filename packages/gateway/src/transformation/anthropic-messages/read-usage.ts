import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { asCount, asObject } from '../relay/json-value.ts'

/**
 * Anthropic's `usage` object in our terms, over what was known before: in a stream `message_delta` repeats only what has changed. Its `input_tokens`
 * leaves out what was read from the cache and what was written to it; ours counts them in.
 */
export function readUsage(value: unknown, before: AnthropicUsage = NOTHING): AnthropicUsage {
  const usage = asObject(value)
  if (usage === null) return before
  const take = (name: string, known: number): number => {
    const count = asCount(usage[name])
    return count < 0 ? known : count
  }
  const long = asCount(asObject(usage['cache_creation'])?.['ephemeral_1h_input_tokens'])
  const thinking = asCount(asObject(usage['output_tokens_details'])?.['thinking_tokens'])
  return {
    input: take('input_tokens', before.input),
    cacheRead: take('cache_read_input_tokens', before.cacheRead),
    cacheWrite: take('cache_creation_input_tokens', before.cacheWrite),
    longWrite: long < 0 ? before.longWrite : long,
    output: take('output_tokens', before.output),
    thinking: thinking < 0 ? before.thinking : thinking,
  }
}

/** The counts as Anthropic gives them; -1 = not said. `longWrite`: of `cacheWrite`, what is kept for an hour. */
export interface AnthropicUsage { readonly input: number, readonly cacheRead: number, readonly cacheWrite: number, readonly longWrite: number, readonly output: number, readonly thinking: number }

export const NOTHING: AnthropicUsage = Object.freeze({ input: -1, cacheRead: -1, cacheWrite: -1, longWrite: -1, output: -1, thinking: -1 })

/** Of the first event of a stream: its count of output is that of the first token, and would pass for the whole of an answer that is cut. */
export const readFirstUsage = (value: unknown): AnthropicUsage => ({ ...readUsage(value), output: -1 })

/** In our arithmetic. */
export function neutralUsage(usage: AnthropicUsage): Usage {
  if (usage === NOTHING) return UNKNOWN_USAGE
  const neutral = {
    inputTokens: usage.input < 0 ? -1 : usage.input + Math.max(usage.cacheRead, 0) + Math.max(usage.cacheWrite, 0),
    outputTokens: usage.output,
    cachedInputTokens: usage.cacheRead,
    cacheWriteTokens: usage.cacheWrite,
    reasoningTokens: usage.thinking,
  }
  return usage.longWrite > 0 ? { ...neutral, longCacheWriteTokens: usage.longWrite } : neutral
}

/** And back, as members of Anthropic's object. Counts that are not known are 0 where the object must have them. */
export function anthropicUsage(usage: Usage): Readonly<Record<string, number | { readonly thinking_tokens: number }>> {
  const cached = Math.max(usage.cachedInputTokens, 0)
  const written = Math.max(usage.cacheWriteTokens, 0)
  return {
    input_tokens: Math.max(usage.inputTokens - cached - written, 0),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
    output_tokens: Math.max(usage.outputTokens, 0),
    ...(usage.reasoningTokens > 0 ? { output_tokens_details: { thinking_tokens: usage.reasoningTokens } } : {}),
  }
}
