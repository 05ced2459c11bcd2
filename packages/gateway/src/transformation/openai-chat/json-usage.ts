import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { asObject, readUsage } from './read-usage.ts'
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
    const usage = readUsage(parse(text.slice(valueStart, valueEnd)))
    return { usage, finishReason: lastFinishReason(text) }
  }
  return fromWhole(text)
}

function fromWhole(text: string): JsonUsage {
  const answer = asObject(parse(text))
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

/** Where the value of the last such key that begins at `from` or before begins; -1 = no such key. */
function lastKeyValue(text: string, quotedKey: string, from = text.length): number {
  for (let at = text.lastIndexOf(quotedKey, from); at >= 0; at = at === 0 ? -1 : text.lastIndexOf(quotedKey, at - 1)) {
    if (at > 0 && text.charCodeAt(at - 1) === 0x5c) continue
    const colon = skipSpace(text, at + quotedKey.length)
    if (text.charCodeAt(colon) === 0x3a) return skipSpace(text, colon + 1)
  }
  return -1
}

function skipSpace(text: string, at: number): number {
  for (;;) {
    const unit = text.charCodeAt(at)
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return at
    at++
  }
}

/** From an opening quote to after the closing one. */
function stringEnd(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let before = quote
    while (text.charCodeAt(before - 1) === 0x5c) before--
    if ((quote - before) % 2 === 0) return quote + 1
  }
  return -1
}

/** After the bracket that closes the one at `at`; -1 = cut. */
function containerEnd(text: string, at: number): number {
  let depth = 0
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22) {
      at = stringEnd(text, at)
      if (at < 0) return -1
      continue
    }
    if (unit === 0x7b || unit === 0x5b) depth++
    else if ((unit === 0x7d || unit === 0x5d) && --depth === 0) return at + 1
    at++
  }
  return -1
}

/** From the end of a member's value: exactly one bracket is still open, it is an object's, and it closes as the last thing. */
function closesOnlyTopLevel(text: string, at: number): boolean {
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit === 0x7d) return skipSpace(text, at + 1) >= text.length
    if (unit === 0x5d) return false
    if (unit === 0x22) at = stringEnd(text, at)
    else if (unit === 0x7b || unit === 0x5b) at = containerEnd(text, at)
    else at++
    if (at < 0) return false
  }
  return false
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
