/** Where the value of the last such key that begins at `from` or before begins; -1 = no such key. */
export function lastKeyValue(text: string, quotedKey: string, from = text.length): number {
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
export function containerEnd(text: string, at: number): number {
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
export function closesOnlyTopLevel(text: string, at: number): boolean {
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
