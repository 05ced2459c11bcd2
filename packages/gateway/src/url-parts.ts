import { failure, gatewayError, success, type Call, type FetchPart, type GatewayError, type Item, type Part, type Result, type Source, type UrlSupport } from '@headrace/contract'

/** Bounds of what is fetched for one request. */
export interface FetchRules { readonly maxBytes: number, readonly timeoutMs: number }

/** What a URL stands for where it stands. */
type UrlKind = keyof UrlSupport

const TYPES = Object.freeze({
  image: new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']),
  file: new Set(['application/pdf', 'text/plain']),
} as const satisfies Record<UrlKind, ReadonlySet<string>>)

/** URLs of one request at most. */
const MOST_URLS = 20

/** The URLs that a provider does not fetch itself, each once. */
export function urlsToFetch(call: Call, support: UrlSupport): ReadonlyMap<string, UrlKind> {
  const urls = new Map<string, UrlKind>()
  for (const item of call.items) {
    for (const part of partsOf(item)) if ((part.type === 'image' || part.type === 'file') && part.source.kind === 'url' && !support[part.type]) urls.set(part.source.url, part.type)
  }
  return urls
}

/** Fetches them one after another, within one bound of size and time for all. Errors: `invalid-request`, for the first that cannot be had. */
export async function fetchUrls(urls: ReadonlyMap<string, UrlKind>, fetchPart: FetchPart, rules: FetchRules, client: AbortSignal): Promise<Result<ReadonlyMap<string, Source>>> {
  if (urls.size > MOST_URLS) return failure(refusal(`The request names ${urls.size} URLs that its model's provider does not fetch itself, more than the ${MOST_URLS} that are fetched for it. Send the bytes.`))
  const signal = AbortSignal.any([client, AbortSignal.timeout(rules.timeoutMs)])
  const sources = new Map<string, Source>()
  let left = rules.maxBytes
  for (const [url, kind] of urls) {
    const fetched = await fetchPart(url, TYPES[kind], left, signal)
    if (!fetched.ok) return failure(refusal(`The model's provider does not fetch URLs of this kind itself, and ${JSON.stringify(url.slice(0, 200))} was not fetched for it: ${fetched.error}. Send the bytes.`))
    const { mediaType, data } = fetched.value
    left -= data.length
    sources.set(url, mediaType === 'text/plain' ? { kind: 'text', text: data.toString('utf8') } : { kind: 'base64', mediaType, data: data.toString('base64') })
  }
  return success(sources)
}

/** The same call with what was fetched in the place of its URLs. */
export function withSources(call: Call, sources: ReadonlyMap<string, Source>): Call {
  const replace = (part: Part): Part => {
    if ((part.type !== 'image' && part.type !== 'file') || part.source.kind !== 'url') return part
    const source = sources.get(part.source.url)
    return source === undefined ? part : { ...part, source }
  }
  return { ...call, items: call.items.map(item => 'parts' in item ? { ...item, parts: item.parts.map(replace) } : item) }
}

const partsOf = (item: Item): readonly Part[] => 'parts' in item ? item.parts : []
const refusal = (message: string): GatewayError => gatewayError('invalid-request', message, { param: 'messages' })
