import { createHash } from 'node:crypto'

/**
 * What the engine "sees" of an image, a sound or a document: a short text in its place, so that an `echo` shows what arrived. `base64` is decoded; a URL is
 * not fetched.
 */
export function describeMedia(source: { readonly mediaType: string, readonly base64: string } | { readonly url: string }): string {
  if ('url' in source) return `[${source.url}]`
  const bytes = Buffer.from(source.base64, 'base64')
  return `[${source.mediaType} ${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}]`
}
