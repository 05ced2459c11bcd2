import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { closesOnlyTopLevel, containerEnd, lastKeyValue } from '../relay/json-tail.ts'
import { asObject, parseJson } from '../relay/json-value.ts'
import { readUsage } from './read-usage.ts'
import { UsageReader } from './usage-reader.ts'

export interface JsonUsage { readonly usage: Usage, readonly finishReason: string }

const NOTHING: JsonUsage = Object.freeze({ usage: UNKNOWN_USAGE, finishReason: '' })
const FINISH_LIMIT = 64

/**
 * Usage and finish reason of a complete JSON answer, or of its tail, without parsing it: the last `"usage"` key is taken when everything after it
 * shows that it stands at the top level; otherwise the whole is parsed, if it is whole. A string is latin1. Never throws.
 *
 * Why text cannot fool it: inside a JSON string a quote is escaped, so an unescaped `"usage"` followed by a colon is always a key.
 */
export function readJsonUsage(body: Buffer | string): JsonUsage {
  const text = typeof body === 'string' ? body : body.latin1Slice()
  const valueStart = lastKeyValue(text, '"usage"')
  if (valueStart < 0) return { usage: UNKNOWN_USAGE, finishReason: lastFinishReason(text) }
  const reader = new UsageReader(text, valueStart)
  const plain = reader.read()
  if (plain !== null && closesOnlyTopLevel(text, reader.at)) {
    // Usually the choices stand before the usage: no need to search backwards through what follows them.
    const after = text.includes('"finish_reason"', reader.at)
    return { usage: plain, finishReason: lastFinishReason(text, after ? text.length : valueStart) }
  }
  const valueEnd = text.charCodeAt(valueStart) === 0x7b ? containerEnd(text, valueStart) : -1
  if (valueEnd > 0 && closesOnlyTopLevel(text, valueEnd)) {
    const usage = readUsage(parseJson(text.slice(valueStart, valueEnd)))
    return { usage, finishReason: lastFinishReason(text) }
  }
  return fromWhole(text)
}

function fromWhole(text: string): JsonUsage {
  const answer = asObject(parseJson(text))
  if (answer === null) return NOTHING
  return { usage: readUsage(answer['usage']), finishReason: lastFinishOf(answer['choices']) }
}

/** The finish reason of the last choice that has one; '' = none. */
export function lastFinishOf(choices: unknown): string {
  let reason = ''
  if (!Array.isArray(choices)) return reason
  for (const choice of choices) {
    const value = asObject(choice)?.['finish_reason']
    if (typeof value === 'string' && value !== '') reason = value.slice(0, FINISH_LIMIT)
  }
  return reason
}

function lastFinishReason(text: string, from = text.length): string {
  const start = lastKeyValue(text, '"finish_reason"', from)
  if (text.startsWith('"stop"', start)) return 'stop'
  if (start < 0 || text.charCodeAt(start) !== 0x22) return ''
  const end = text.indexOf('"', start + 1)
  return end < 0 ? '' : text.slice(start + 1, Math.min(end, start + 1 + FINISH_LIMIT))
}
