import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { asCount, asObject } from '../relay/json-value.ts'

/**
 * Google's `usageMetadata` in our terms. Its prompt count holds what came from a cache but not what its own tools put into the prompt; its candidates'
 * count does not hold the thoughts; what is nothing is left out (proto3). `finished`: nothing follows, so no count of output means none was written.
 */
export function readUsage(value: unknown, finished: boolean): Usage {
  const usage = asObject(value)
  if (usage === null) return UNKNOWN_USAGE
  const prompt = asCount(usage['promptTokenCount'])
  const total = asCount(usage['totalTokenCount'])
  const candidates = asCount(usage['candidatesTokenCount'])
  const thoughts = asCount(usage['thoughtsTokenCount'])
  const inputTokens = prompt < 0 ? -1 : prompt + Math.max(asCount(usage['toolUsePromptTokenCount']), 0)
  return {
    inputTokens,
    outputTokens: candidates >= 0 || thoughts >= 0 ? Math.max(candidates, 0) + Math.max(thoughts, 0) : outputOf(total, inputTokens, finished),
    cachedInputTokens: asCount(usage['cachedContentTokenCount']),
    cacheWriteTokens: -1,
    reasoningTokens: thoughts,
  }
}

function outputOf(total: number, input: number, finished: boolean): number {
  if (total > input && input >= 0) return total - input
  return finished && input >= 0 ? 0 : -1
}

/** And back. Nothing = a count that is not known, or is none. */
export function usageMetadata(usage: Usage): Readonly<Record<string, number>> {
  const reasoning = Math.max(usage.reasoningTokens, 0)
  const input = Math.max(usage.inputTokens, 0)
  const output = Math.max(usage.outputTokens, 0)
  return {
    promptTokenCount: input,
    ...(usage.cachedInputTokens > 0 ? { cachedContentTokenCount: usage.cachedInputTokens } : {}),
    candidatesTokenCount: Math.max(output - reasoning, 0),
    ...(reasoning > 0 ? { thoughtsTokenCount: reasoning } : {}),
    totalTokenCount: input + output,
  }
}
