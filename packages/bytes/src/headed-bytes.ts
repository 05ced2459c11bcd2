const NEWLINE = 0x0a

/** Plain data as one line of JSON, and bytes behind it. */
export function packHeaded(head: object, bytes: Buffer | null): Buffer {
  const line = Buffer.from(`${JSON.stringify(head)}\n`)
  return bytes === null || bytes.length === 0 ? line : Buffer.concat([line, bytes])
}

/** What `packHeaded` packed; null = it is not of that form. The bytes are not copied. */
export function unpackHeaded(packed: Buffer): { readonly head: unknown, readonly bytes: Buffer } | null {
  const end = packed.indexOf(NEWLINE)
  if (end === -1) return null
  try {
    return { head: JSON.parse(packed.toString('utf8', 0, end)) as unknown, bytes: packed.subarray(end + 1) }
  } catch {
    return null
  }
}
