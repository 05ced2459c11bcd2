import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { closesOnlyTopLevel, containerEnd, lastKeyValue } from '../relay/json-tail.ts'
import { asCount, asObject, asText, parseJson } from '../relay/json-value.ts'
import { neutralUsage, readUsage } from './read-usage.ts'

const FINISH_LIMIT = 64
/** What counting tokens costs. */
const FREE: Usage = Object.freeze({ inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 })
const NOTHING = Object.freeze({ usage: UNKNOWN_USAGE, finishReason: '' })

/**
 * Usage and stop reason of a complete JSON answer, or of its tail. The last `"usage"` key is taken when everything after it shows that it stands at
 * the top level; otherwise the whole is parsed, if it is whole. A string is latin1. Never throws.
 */
export function readJsonUsage(body: Buffer | string): { readonly usage: Usage, readonly finishReason: string } {
  const text = typeof body === 'string' ? body : body.latin1Slice()
  const start = lastKeyValue(text, '"usage"')
  const end = start < 0 || text.charCodeAt(start) !== 0x7b ? -1 : containerEnd(text, start)
  if (end > 0 && closesOnlyTopLevel(text, end)) {
    return { usage: neutralUsage(readUsage(parseJson(text.slice(start, end)))), finishReason: lastStopReason(text) }
  }
  const answer = asObject(parseJson(text))
  if (answer === null) return NOTHING
  if (answer['usage'] === undefined && asCount(answer['input_tokens']) >= 0) return { usage: FREE, finishReason: '' }
  return { usage: neutralUsage(readUsage(answer['usage'])), finishReason: asText(answer['stop_reason']).slice(0, FINISH_LIMIT) }
}

/** A tool's input may have such a key too, but it comes before the answer's own. */
function lastStopReason(text: string): string {
  const start = lastKeyValue(text, '"stop_reason"')
  if (start < 0 || text.charCodeAt(start) !== 0x22) return ''
  const end = text.indexOf('"', start + 1)
  return end < 0 ? '' : text.slice(start + 1, Math.min(end, start + 1 + FINISH_LIMIT))
}
