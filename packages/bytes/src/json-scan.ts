/**
 * `unsure`: a key is escaped, so it takes decoding to know its name. `duplicate`: an asked-for key stands there twice.
 * `malformed`: not one JSON object. `too-deep`: nested over the limit. All but `ok` tell a byte offset.
 */
export type ScanStatus = 'ok' | 'unsure' | 'duplicate' | 'malformed' | 'not-object' | 'too-deep'

export interface MemberScan {
  readonly status: ScanStatus
  readonly offset: number
  /** Value spans by index of the name, half-open; -1 = absent. There are always 10. */
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a
const OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b
/** Characters of a string looked at one by one before the native search is worth its call: enough for names and roles. */
const NEAR = 9
/** A depth limit cannot exceed this. */
const MAX_DEPTH = 4096
const stack = new Uint8Array(MAX_DEPTH + 1)
/** Negative results of `skipValue`. */
const BAD = -1, DEEP = -2
/** Another negative result of `matchDecoded` than "not among the names". */
const NO_STRING = -2

/**
 * Finds the values of the asked-for members of a JSON object in `bytes[start, end)` without parsing it. `text` is the same as latin1 (one char = one
 * byte): single bytes are read half again as fast from the bytes, strings are searched several times faster in the text. Names are ASCII, 10 at most.
 *
 * Brackets must match, depth is bounded (4,096 at most), nothing may follow the object; what stands inside nested values is otherwise not judged.
 * It never guesses: see `ScanStatus`.
 * `decodeKeys`: decode escaped keys (slow) instead of answering `unsure`.
 */
export function scanMembers(bytes: Uint8Array, text: string, names: readonly string[], depthLimit: number, decodeKeys = false, start = 0, end = text.length): MemberScan {
  if (names.length > 10) throw new RangeError('at most 10 names')
  const starts = [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1]
  const ends = [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1]
  let at = skipSpace(bytes, start, end)
  if (at >= end || bytes[at] !== OPEN_BRACE) {
    return { status: at >= end || !startsValue(bytes[at] ?? 0) ? 'malformed' : 'not-object', offset: at, starts, ends }
  }
  at = skipSpace(bytes, at + 1, end)
  const empty = at < end && bytes[at] === CLOSE_BRACE
  while (!empty) {
    if (at >= end || bytes[at] !== QUOTE) return { status: 'malformed', offset: at, starts, ends }
    let keyEnd = at + 1
    let escaped = false
    for (; keyEnd < end && bytes[keyEnd] !== QUOTE; keyEnd++) {
      if (bytes[keyEnd] !== BACKSLASH) continue
      escaped = true
      keyEnd++
    }
    if (keyEnd >= end) return { status: 'malformed', offset: at, starts, ends }
    if (escaped && !decodeKeys) return { status: 'unsure', offset: at, starts, ends }
    const key = escaped ? matchDecoded(text, at, keyEnd + 1, names) : matchKey(text, at + 1, keyEnd, names)
    if (key === NO_STRING) return { status: 'malformed', offset: at, starts, ends }
    const colon = skipSpace(bytes, keyEnd + 1, end)
    if (colon >= end || bytes[colon] !== COLON) return { status: 'malformed', offset: colon, starts, ends }
    const valueStart = skipSpace(bytes, colon + 1, end)
    const valueEnd = skipValue(bytes, text, valueStart, end, depthLimit)
    if (valueEnd < 0) return { status: valueEnd === DEEP ? 'too-deep' : 'malformed', offset: valueStart, starts, ends }
    if (key >= 0) {
      if ((starts[key] ?? -1) !== -1) return { status: 'duplicate', offset: at, starts, ends }
      starts[key] = valueStart
      ends[key] = valueEnd
    }
    at = skipSpace(bytes, valueEnd, end)
    if (at < end && bytes[at] === CLOSE_BRACE) break
    if (at >= end || bytes[at] !== COMMA) return { status: 'malformed', offset: at, starts, ends }
    at = skipSpace(bytes, at + 1, end)
  }
  const rest = skipSpace(bytes, at + 1, end)
  return { status: rest === end ? 'ok' : 'malformed', offset: rest, starts, ends }
}

function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
  return end
}

/** From an opening quote to the byte after the closing one; -1 = none. */
function skipString(bytes: Uint8Array, text: string, open: number, end: number): number {
  let at = open + 1
  const near = Math.min(end, at + NEAR)
  while (at < near) {
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    at += byte === BACKSLASH ? 2 : 1
  }
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0 || quote >= end) return BAD
    let before = quote
    while (before > at && bytes[before - 1] === BACKSLASH) before--
    if ((quote - before) % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** Index of a key among the names; -1 = another key. */
function matchKey(text: string, start: number, end: number, names: readonly string[]): number {
  const length = end - start
  for (let index = 0; index < names.length; index++) {
    const name = names[index] ?? ''
    if (name.length === length && text.startsWith(name, start)) return index
  }
  return -1
}

/** The same for an escaped key, quotes included; NO_STRING = not a valid string. */
function matchDecoded(text: string, start: number, end: number, names: readonly string[]): number {
  try {
    const name: unknown = JSON.parse(text.slice(start, end))
    return typeof name === 'string' ? names.indexOf(name) : NO_STRING
  } catch {
    return NO_STRING
  }
}

function startsValue(byte: number): boolean {
  return byte === QUOTE || byte === OPEN_BRACKET || isScalarStart(byte)
}

/** Digits, minus, t, f, n. */
function isScalarStart(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x74 || byte === 0x66 || byte === 0x6e
}

/** The byte after the value at `at`; BAD or DEEP. The enclosing object counts as the first level. */
function skipValue(bytes: Uint8Array, text: string, at: number, end: number, depthLimit: number): number {
  if (at >= end) return BAD
  const first = bytes[at] ?? 0
  if (first === QUOTE) return skipString(bytes, text, at, end)
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipContainer(bytes, text, at, end, Math.min(depthLimit, MAX_DEPTH))
  return isScalarStart(first) ? skipScalar(bytes, at, end) : BAD
}

function skipContainer(bytes: Uint8Array, text: string, at: number, end: number, limit: number): number {
  let depth = 1
  while (at < end) {
    const byte = bytes[at] ?? 0
    if (byte === QUOTE) {
      at = skipString(bytes, text, at, end)
      if (at < 0) return BAD
      continue
    }
    // Brackets and braces differ in this bit only.
    const kind = byte | 0x20
    if (kind === OPEN_BRACE) {
      if (++depth > limit) return DEEP
      stack[depth] = byte + 2
    } else if (kind === CLOSE_BRACE) {
      if (stack[depth] !== byte) return BAD
      if (--depth === 1) return at + 1
    }
    at++
  }
  return BAD
}

function skipScalar(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at] ?? 0
    const ordinary = isScalarStart(byte) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2b || byte === 0x2e || byte === 0x45
    if (!ordinary) return at
    at++
  }
  return at
}
