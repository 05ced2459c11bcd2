/** Names asked for, prepared once. */
export interface KeyTable { readonly names: readonly string[], readonly bytes: readonly Buffer[] }

export const keyTable = (names: readonly string[]): KeyTable => ({ names, bytes: names.map(name => Buffer.from(name, 'utf8')) })

/**
 * `unsure`: a key is escaped, so it takes decoding to know its name. `duplicate`: an asked-for key stands there twice.
 * `malformed`: not one JSON object. `too-deep`: nested over the limit. All but `ok` tell a byte offset.
 */
export type ScanStatus = 'ok' | 'unsure' | 'duplicate' | 'malformed' | 'not-object' | 'too-deep'

export interface MemberScan {
  readonly status: ScanStatus
  readonly offset: number
  /** Value spans by index in the key table, half-open; -1 = absent. */
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a
const OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d
/** Bytes of a string looked at one by one before the native search is worth its call. */
const NEAR = 48
/** A depth limit cannot exceed this. */
const MAX_DEPTH = 4096
const stack = new Uint8Array(MAX_DEPTH + 1)
/** Negative results of `skipValue`. */
const BAD = -1, DEEP = -2

/**
 * Finds the values of the asked-for members of a JSON object in `body[start, end)` without parsing it. Brackets must match, depth is bounded,
 * nothing may follow the object; what stands inside nested values is otherwise not judged. It never guesses: see `ScanStatus`.
 * `decodeKeys`: decode escaped keys (slow) instead of answering `unsure`.
 */
export function scanMembers(body: Buffer, keys: KeyTable, depthLimit: number, decodeKeys = false, start = 0, end = body.length): MemberScan {
  const starts: number[] = new Array<number>(keys.names.length).fill(-1)
  const ends: number[] = new Array<number>(keys.names.length).fill(-1)
  const stop = (status: ScanStatus, offset: number): MemberScan => ({ status, offset, starts, ends })
  let at = skipSpace(body, start, end)
  if (body[at] !== OPEN_BRACE || at >= end) return stop(at >= end || !startsValue(body[at]) ? 'malformed' : 'not-object', at)
  at = skipSpace(body, at + 1, end)
  if (body[at] === CLOSE_BRACE && at < end) return finish(at + 1)
  for (;;) {
    if (at >= end || body[at] !== QUOTE) return stop('malformed', at)
    const keyEnd = skipString(body, at, end)
    if (keyEnd < 0) return stop('malformed', at)
    const key = matchKey(body, at + 1, keyEnd - 1, keys, decodeKeys)
    if (key === -2) return stop('unsure', at)
    if (key === -3) return stop('malformed', at)
    const colon = skipSpace(body, keyEnd, end)
    if (colon >= end || body[colon] !== COLON) return stop('malformed', colon)
    const valueStart = skipSpace(body, colon + 1, end)
    const valueEnd = skipValue(body, valueStart, end, depthLimit)
    if (valueEnd < 0) return stop(valueEnd === DEEP ? 'too-deep' : 'malformed', valueStart)
    if (key >= 0) {
      if (starts[key] !== -1) return stop('duplicate', at)
      starts[key] = valueStart
      ends[key] = valueEnd
    }
    at = skipSpace(body, valueEnd, end)
    if (at < end && body[at] === CLOSE_BRACE) return finish(at + 1)
    if (at >= end || body[at] !== COMMA) return stop('malformed', at)
    at = skipSpace(body, at + 1, end)
  }

  function finish(after: number): MemberScan {
    const rest = skipSpace(body, after, end)
    return stop(rest === end ? 'ok' : 'malformed', rest)
  }
}

function skipSpace(body: Buffer, at: number, end: number): number {
  while (at < end) {
    const byte = body[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
  return end
}

/** From an opening quote to the byte after the closing one; -1 = none. */
function skipString(body: Buffer, open: number, end: number): number {
  let at = open + 1
  for (;;) {
    const near = Math.min(end, at + NEAR)
    while (at < near) {
      const byte = body[at]
      if (byte === QUOTE) return at + 1
      at += byte === BACKSLASH ? 2 : 1
    }
    if (at >= end) return BAD
    const quote = body.indexOf(QUOTE, at)
    if (quote < 0 || quote >= end) return BAD
    let before = quote
    while (before > at && body[before - 1] === BACKSLASH) before--
    if ((quote - before) % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** Index of a key in the table; -1 = another key, -2 = escaped, -3 = not a string. */
function matchKey(body: Buffer, start: number, end: number, keys: KeyTable, decode: boolean): number {
  for (let at = start; at < end; at++) {
    if (body[at] === BACKSLASH) return decode ? matchDecoded(body, start, end, keys) : -2
  }
  const length = end - start
  candidates: for (let index = 0; index < keys.bytes.length; index++) {
    const name = keys.bytes[index]
    if (name === undefined || name.length !== length) continue
    for (let offset = 0; offset < length; offset++) if (name[offset] !== body[start + offset]) continue candidates
    return index
  }
  return -1
}

function matchDecoded(body: Buffer, start: number, end: number, keys: KeyTable): number {
  try {
    const name: unknown = JSON.parse(body.utf8Slice(start - 1, end + 1))
    return typeof name === 'string' ? keys.names.indexOf(name) : -3
  } catch {
    return -3
  }
}

function startsValue(byte: number | undefined): boolean {
  return byte !== undefined && (byte === QUOTE || byte === OPEN_BRACKET || isScalarStart(byte))
}

/** Digits, minus, t, f, n. */
function isScalarStart(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x74 || byte === 0x66 || byte === 0x6e
}

/** The byte after the value at `at`; BAD or DEEP. The enclosing object counts as the first level. */
function skipValue(body: Buffer, at: number, end: number, depthLimit: number): number {
  if (at >= end) return BAD
  const first = body[at] ?? 0
  if (first === QUOTE) return skipString(body, at, end)
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipContainer(body, at, end, Math.min(depthLimit, MAX_DEPTH))
  return isScalarStart(first) ? skipScalar(body, at, end) : BAD
}

function skipContainer(body: Buffer, at: number, end: number, limit: number): number {
  let depth = 1
  while (at < end) {
    const byte = body[at] ?? 0
    if (byte === QUOTE) {
      at = skipString(body, at, end)
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

function skipScalar(body: Buffer, at: number, end: number): number {
  while (at < end) {
    const byte = body[at] ?? 0
    const ordinary = isScalarStart(byte) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2b || byte === 0x2e || byte === 0x45
    if (!ordinary) return at
    at++
  }
  return at
}
