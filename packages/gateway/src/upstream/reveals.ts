/** A secret that is shorter than this stands in many a text by accident. */
const SHORTEST = 8

/**
 * True if a provider's text holds the secret of a rendered credential line: as it is, escaped for JSON or a URL, in hexadecimal, or in base64 at any
 * alignment. Such a text is not handed on (invariant 9). Takes about 0.1 ms for 64 KiB: for refusals, not for answers.
 */
export function reveals(headerLine: string, text: string): boolean {
  const secret = headerLine.slice(headerLine.indexOf(':') + 1).trim().replace(/^bearer\s+/i, '')
  if (secret.length < SHORTEST) return false
  const plain = text.includes('\\') ? text.replaceAll(/\\u00([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))).replaceAll('\\', '') : text
  if (plain.includes(secret) || plain.includes(encodeURIComponent(secret))) return true
  return plain.toLowerCase().includes(Buffer.from(secret, 'latin1').toString('hex')) || base64Forms(secret).some(form => plain.includes(form))
}

/** What is the same of a text's base64 whatever stands before and behind it, for each of the three places where it can begin; with `-_` for `+/` too. */
function base64Forms(secret: string): string[] {
  const standard = [0, 1, 2].map(offset => {
    const whole = Buffer.from('x'.repeat(offset) + secret, 'latin1').toString('base64').replace(/=+$/, '')
    return whole.slice(offset === 0 ? 0 : 4, (offset + secret.length) % 3 === 0 ? undefined : -1)
  })
  return standard.flatMap(form => /[+/]/.test(form) ? [form, form.replaceAll('+', '-').replaceAll('/', '_')] : [form])
}
