/**
 * `unsure`: a key is escaped, so it takes decoding to know its name. `duplicate`: an asked-for key stands there twice.
 * `malformed`: not one JSON object. `too-deep`: nested over the limit. All but `ok` tell a byte offset.
 */
export type ScanStatus = 'ok' | 'unsure' | 'duplicate' | 'malformed' | 'not-object' | 'too-deep'

export interface MemberScan {
  readonly status: ScanStatus
  readonly offset: number
  /** Value spans by index of the name, half-open; -1 = absent. */
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a
const OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d
/** Characters of a string looked at one by one before the native search is worth its call. */
const NEAR = 16
/** A depth limit cannot exceed this. */
const MAX_DEPTH = 4096
const stack = new Uint8Array(MAX_DEPTH + 1)
/** Negative results of `skipValue`. */
const BAD = -1, DEEP = -2

/**
 * Finds the values of the asked-for members of a JSON object in `text[start, end)` without parsing it. The text is latin1 (one char = one byte,
 * so that offsets are byte offsets): V8 searches a string several times faster than a Buffer. Names are ASCII.
 *
 * Brackets must match, depth is bounded (4,096 at most), nothing may follow the object; what stands inside nested values is otherwise not judged.
 * It never guesses: see `ScanStatus`.
 * `decodeKeys`: decode escaped keys (slow) instead of answering `unsure`.
 */
export function scanMembers(text: string, names: readonly string[], depthLimit: number, decodeKeys = false, start = 0, end = text.length): MemberScan {
  const starts: number[] = new Array<number>(names.length).fill(-1)
  const ends: number[] = new Array<number>(names.length).fill(-1)
  const stop = (status: ScanStatus, offset: number): MemberScan => ({ status, offset, starts, ends })
  let at = skipSpace(text, start, end)
  if (text.charCodeAt(at) !== OPEN_BRACE || at >= end) return stop(at >= end || !startsValue(text.charCodeAt(at)) ? 'malformed' : 'not-object', at)
  at = skipSpace(text, at + 1, end)
  if (text.charCodeAt(at) === CLOSE_BRACE && at < end) return finish(at + 1)
  for (;;) {
    if (at >= end || text.charCodeAt(at) !== QUOTE) return stop('malformed', at)
    const keyEnd = skipString(text, at, end)
    if (keyEnd < 0) return stop('malformed', at)
    const key = matchKey(text, at + 1, keyEnd - 1, names, decodeKeys)
    if (key === -2) return stop('unsure', at)
    if (key === -3) return stop('malformed', at)
    const colon = skipSpace(text, keyEnd, end)
    if (colon >= end || text.charCodeAt(colon) !== COLON) return stop('malformed', colon)
    const valueStart = skipSpace(text, colon + 1, end)
    const valueEnd = skipValue(text, valueStart, end, depthLimit)
    if (valueEnd < 0) return stop(valueEnd === DEEP ? 'too-deep' : 'malformed', valueStart)
    if (key >= 0) {
      if (starts[key] !== -1) return stop('duplicate', at)
      starts[key] = valueStart
      ends[key] = valueEnd
    }
    at = skipSpace(text, valueEnd, end)
    if (at < end && text.charCodeAt(at) === CLOSE_BRACE) return finish(at + 1)
    if (at >= end || text.charCodeAt(at) !== COMMA) return stop('malformed', at)
    at = skipSpace(text, at + 1, end)
  }

  function finish(after: number): MemberScan {
    const rest = skipSpace(text, after, end)
    return stop(rest === end ? 'ok' : 'malformed', rest)
  }
}

function skipSpace(text: string, at: number, end: number): number {
  while (at < end) {
    const byte = text.charCodeAt(at)
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
  return end
}

/** From an opening quote to the byte after the closing one; -1 = none. */
function skipString(text: string, open: number, end: number): number {
  let at = open + 1
  for (;;) {
    const near = Math.min(end, at + NEAR)
    while (at < near) {
      const byte = text.charCodeAt(at)
      if (byte === QUOTE) return at + 1
      at += byte === BACKSLASH ? 2 : 1
    }
    if (at >= end) return BAD
    const quote = text.indexOf('"', at)
    if (quote < 0 || quote >= end) return BAD
    let before = quote
    while (before > at && text.charCodeAt(before - 1) === BACKSLASH) before--
    if ((quote - before) % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** Index of a key among the names; -1 = another key, -2 = escaped, -3 = not a string. */
function matchKey(text: string, start: number, end: number, names: readonly string[], decode: boolean): number {
  for (let at = start; at < end; at++) {
    if (text.charCodeAt(at) === BACKSLASH) return decode ? matchDecoded(text, start, end, names) : -2
  }
  for (let index = 0; index < names.length; index++) {
    const name = names[index] ?? ''
    if (name.length === end - start && text.startsWith(name, start)) return index
  }
  return -1
}

function matchDecoded(text: string, start: number, end: number, names: readonly string[]): number {
  try {
    const name: unknown = JSON.parse(text.slice(start - 1, end + 1))
    return typeof name === 'string' ? names.indexOf(name) : -3
  } catch {
    return -3
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
function skipValue(text: string, at: number, end: number, depthLimit: number): number {
  if (at >= end) return BAD
  const first = text.charCodeAt(at)
  if (first === QUOTE) return skipString(text, at, end)
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipContainer(text, at, end, Math.min(depthLimit, MAX_DEPTH))
  return isScalarStart(first) ? skipScalar(text, at, end) : BAD
}

function skipContainer(text: string, at: number, end: number, limit: number): number {
  let depth = 1
  while (at < end) {
    const byte = text.charCodeAt(at)
    if (byte === QUOTE) {
      at = skipString(text, at, end)
      if (at < 0) return BAD
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > limit) return DEEP
      stack[depth] = byte + 2
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (stack[depth] !== byte) return BAD
      if (--depth === 1) return at + 1
    }
    at++
  }
  return BAD
}

function skipScalar(text: string, at: number, end: number): number {
  while (at < end) {
    const byte = text.charCodeAt(at)
    const ordinary = isScalarStart(byte) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2b || byte === 0x2e || byte === 0x45
    if (!ordinary) return at
    at++
  }
  return at
}
