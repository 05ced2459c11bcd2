import type { DialectId, Opaque } from '@headrace/contract'

/** How a blob of another vendor looks in a field that has no room for its origin. */
const TAGGED = /^headrace:([a-z-]{1,32}):(signature|redacted):/
/** How it begins in a request, with its opening quote. */
export const FOREIGN_MARK = '"headrace:'
/** The same in base64, whichever alphabet: nine bytes, so that what follows changes nothing. Google's SDKs hold signatures as bytes. */
export const FOREIGN_MARK_BASE64 = '"aGVhZHJhY2U6'

interface Blob { readonly dialect: DialectId, readonly kind: Opaque['kind'], readonly data: string }

/** A blob as clients of `own` keep it for us: its own vendor's as it is, another's with its origin, so that it never goes to a vendor that cannot read it. */
export function tagOpaque(own: DialectId, { dialect, kind, data }: Blob): string {
  if (dialect === own) return data
  const tagged = `headrace:${dialect}:${kind}:${data}`
  return own === 'google-gemini' ? Buffer.from(tagged).toString('base64') : tagged
}

/** What a client of `own` sent back in a field of `kind`. It does not say which model it came from. */
export function untagOpaque(own: DialectId, kind: Opaque['kind'], text: string): Opaque {
  const plain = own === 'google-gemini' && text.startsWith(FOREIGN_MARK_BASE64.slice(1)) ? Buffer.from(text, 'base64').toString() : text
  const tag = TAGGED.exec(plain)
  if (tag === null) return { provider: '', model: '', dialect: own, kind, data: text }
  // A dialect that nobody speaks is nobody's: no encoder takes it.
  return { provider: '', model: '', dialect: tag[1] as DialectId, kind: tag[2] as Opaque['kind'], data: plain.slice(tag[0].length) }
}
