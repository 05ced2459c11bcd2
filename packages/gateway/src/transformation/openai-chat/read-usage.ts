import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { asCount, asObject } from '../relay/json-value.ts'

/** The counts as they stand in an answer; -1 = not said. */
export interface ChatCounts {
  readonly prompt: number
  readonly completion: number
  readonly total: number
  readonly cached: number
  /** As DeepSeek (`prompt_cache_hit_tokens`) and Moonshot (`cached_tokens`) say it, beside the details. */
  readonly cachedBeside: number
  readonly cacheWrite: number
  readonly reasoning: number
  readonly audioInput: number
  readonly audioOutput: number
}

/** OpenAI's `usage` object in our terms. What is absent, negative, fractional or absurd is -1. */
export function readUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (usage === null) return UNKNOWN_USAGE
  const input = asObject(usage['prompt_tokens_details'])
  const output = asObject(usage['completion_tokens_details'])
  const besides = asCount(usage['prompt_cache_hit_tokens'])
  return neutralUsage({
    prompt: asCount(usage['prompt_tokens']), completion: asCount(usage['completion_tokens']), total: asCount(usage['total_tokens']),
    cached: asCount(input?.['cached_tokens']), cachedBeside: besides >= 0 ? besides : asCount(usage['cached_tokens']), cacheWrite: asCount(input?.['cache_write_tokens']),
    reasoning: asCount(output?.['reasoning_tokens']), audioInput: asCount(input?.['audio_tokens']), audioOutput: asCount(output?.['audio_tokens']),
  })
}

/**
 * In our arithmetic. OpenAI's `completion_tokens` hold the thoughts; xAI's and Gemini's compatible endpoints count them beside, and only the total shows it.
 * Sound is told only where there was some.
 */
export function neutralUsage({ prompt, completion, total, cached, cachedBeside, cacheWrite, reasoning, audioInput, audioOutput }: ChatCounts): Usage {
  const usage = {
    inputTokens: prompt,
    outputTokens: reasoning > 0 && completion >= 0 && prompt >= 0 && total === prompt + completion + reasoning ? completion + reasoning : completion,
    cachedInputTokens: cached >= 0 ? cached : cachedBeside,
    cacheWriteTokens: cacheWrite,
    reasoningTokens: reasoning,
  }
  return audioInput > 0 || audioOutput > 0 ? { ...usage, audioInputTokens: audioInput, audioOutputTokens: audioOutput } : usage
}
