import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { asCount, asObject } from '../relay/json-value.ts'

/** `meta.billed_units` of an answer, or the tokens that it counted. Searches are no tokens. */
export function readUsage(answer: Readonly<Record<string, unknown>>): Usage {
  const meta = asObject(answer['meta'])
  const billed = asObject(meta?.['billed_units'])
  const text = asCount(billed?.['input_tokens'])
  const images = asCount(billed?.['image_tokens'])
  const inputTokens = text < 0 && images < 0 ? asCount(asObject(meta?.['tokens'])?.['input_tokens']) : Math.max(text, 0) + Math.max(images, 0)
  return inputTokens < 0 ? UNKNOWN_USAGE : { inputTokens, outputTokens: 0, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1 }
}
