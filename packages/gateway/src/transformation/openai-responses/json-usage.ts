import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { closesOnlyTopLevel, containerEnd, lastKeyValue } from '../relay/json-tail.ts'
import { asCount, asObject, asText, parseJson } from '../relay/json-value.ts'
import { readUsage } from './read-usage.ts'

const FINISH_LIMIT = 64
/** What counting tokens costs. */
const FREE: Usage = Object.freeze({ inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 })
const NOTHING = Object.freeze({ usage: UNKNOWN_USAGE, finishReason: '' })

/**
 * Usage and status of a complete JSON answer, or of its tail. The last `"usage"` key is taken when everything after it shows that it stands at the top
 * level; the status stands before the output, so that a tail does not tell it. A string is latin1. Never throws.
 */
export function readJsonUsage(body: Buffer | string): { readonly usage: Usage, readonly finishReason: string } {
  const text = typeof body === 'string' ? body : body.latin1Slice()
  const answer = asObject(parseJson(text))
  if (answer !== null) {
    if (answer['usage'] === undefined && asCount(answer['input_tokens']) >= 0) return { usage: FREE, finishReason: '' }
    return { usage: readUsage(answer['usage']), finishReason: finishReasonOf(answer) }
  }
  const start = lastKeyValue(text, '"usage"')
  const end = start < 0 || text.charCodeAt(start) !== 0x7b ? -1 : containerEnd(text, start)
  return end > 0 && closesOnlyTopLevel(text, end) ? { usage: readUsage(parseJson(text.slice(start, end))), finishReason: '' } : NOTHING
}

/** Why a response ended: what made it incomplete, else its status (`completed`); '' = it has not ended. */
export function finishReasonOf(response: Readonly<Record<string, unknown>>): string {
  const status = asText(response['status'])
  if (status === 'in_progress' || status === 'queued') return ''
  return (asText(asObject(response['incomplete_details'])?.['reason']) || status).slice(0, FINISH_LIMIT)
}
