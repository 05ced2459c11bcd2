import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { closesOnlyTopLevel, containerEnd, lastKeyValue } from '../relay/json-tail.ts'
import { asCount, asList, asObject, asText, parseJson } from '../relay/json-value.ts'
import { readUsage } from './read-usage.ts'

const FINISH_LIMIT = 64
/** What counting tokens costs. */
const FREE: Usage = Object.freeze({ inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 })
const NOTHING = Object.freeze({ usage: UNKNOWN_USAGE, finishReason: '' })

/**
 * Usage and finish reason of a complete JSON answer, or of its tail. The last `"usageMetadata"` key is taken when everything after it shows that it
 * stands at the top level; otherwise the whole is parsed, if it is whole. A string is latin1. Never throws.
 */
export function readJsonUsage(body: Buffer | string): { readonly usage: Usage, readonly finishReason: string } {
  const text = typeof body === 'string' ? body : body.latin1Slice()
  const start = lastKeyValue(text, '"usageMetadata"')
  const end = start < 0 || text.charCodeAt(start) !== 0x7b ? -1 : containerEnd(text, start)
  if (end > 0 && closesOnlyTopLevel(text, end)) return { usage: readUsage(parseJson(text.slice(start, end)), true), finishReason: lastReason(text) }
  const answer = asObject(parseJson(text))
  if (answer === null) return NOTHING
  if (answer['candidates'] === undefined && asCount(answer['totalTokens']) >= 0) return { usage: FREE, finishReason: '' }
  const finish = asList(answer['candidates']).map(candidate => asText(asObject(candidate)?.['finishReason'])).findLast(reason => reason !== '')
  return { usage: readUsage(answer['usageMetadata'], true), finishReason: (finish ?? asText(asObject(answer['promptFeedback'])?.['blockReason'])).slice(0, FINISH_LIMIT) }
}

/** A call's arguments may have such a key too, but they come before the candidate's own. */
function lastReason(text: string): string {
  const finish = lastKeyValue(text, '"finishReason"')
  const start = finish < 0 ? lastKeyValue(text, '"blockReason"') : finish
  if (start < 0 || text.charCodeAt(start) !== 0x22) return ''
  const end = text.indexOf('"', start + 1)
  return end < 0 ? '' : text.slice(start + 1, Math.min(end, start + 1 + FINISH_LIMIT))
}
