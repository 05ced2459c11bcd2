import { lookup } from 'node:dns/promises'
import { request as requestPlain, type IncomingMessage } from 'node:http'
import { request as requestSecured } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { failure, success, type FetchedPart, type FetchPart, type Result } from '@headrace/contract'
import { isPublicAddress } from './public-address.ts'

/** How addresses are found and judged: for tests. */
export interface FetchGuard {
  readonly resolve: (host: string) => Promise<readonly string[]>
  readonly allows: (address: string, port: number) => boolean
}

const REDIRECTS = 3
const URL_LIMIT = 8_192
const PORTS: ReadonlySet<number> = new Set([80, 443])
/** One answer for every address that must not be asked and every host that does not answer: a client learns nothing of the network behind the gateway. */
const UNREACHABLE = 'it cannot be fetched: its host is not on the public internet or does not answer'

export const PUBLIC_INTERNET: FetchGuard = Object.freeze({
  resolve: async (host: string) => (await lookup(host, { all: true })).map(({ address }) => address),
  allows: (address: string, port: number) => PORTS.has(port) && isPublicAddress(address),
})

/**
 * The guard against server-side request forgery: http and https only, no credentials, a host is resolved once and the connection goes to the very address
 * that was judged, a redirect is judged like a first URL, and size, time and media type are bounded. Nothing of the client's or a provider's headers is sent.
 */
export function createFetchPart(guard: FetchGuard = PUBLIC_INTERNET): FetchPart {
  return async (url, types, maxBytes, signal) => {
    let next = url
    for (let hop = 0; hop <= REDIRECTS; hop++) {
      const answer = await ask(next, guard, signal)
      if (!answer.ok) return answer
      const { response, location } = answer.value
      if (location === null) return readBody(response, types, maxBytes, signal)
      response.destroy()
      next = location
    }
    return failure(`it redirects more than ${REDIRECTS} times`)
  }
}

async function ask(text: string, guard: FetchGuard, signal: AbortSignal): Promise<Result<{ readonly response: IncomingMessage, readonly location: string | null }, string>> {
  const url = text.length <= URL_LIMIT ? URL.parse(text) : null
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return failure('only http and https URLs are fetched')
  if (url.username !== '' || url.password !== '') return failure('a URL with credentials is not fetched')
  const address = await judge(url, guard, signal)
  if (address === null) return failure(UNREACHABLE)
  const response = await send(url, address, signal)
  if (response === null) return failure(UNREACHABLE)
  const status = response.statusCode ?? 0
  const location = response.headers.location
  if (status >= 300 && status < 400 && location !== undefined) {
    const target = URL.parse(location, url)
    return success({ response, location: target === null ? '' : target.href })
  }
  if (status === 200) return success({ response, location: null })
  response.destroy()
  return failure(`its host answered with status ${status}`)
}

/** The address to connect to; null = there is none, or one of them must not be asked: a name with a public and a private address is an attack. */
async function judge(url: URL, guard: FetchGuard, signal: AbortSignal): Promise<string | null> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
  const addresses = isIP(host) > 0 ? [host] : await raced(guard.resolve(host), signal)
  const [first] = addresses ?? []
  return first !== undefined && addresses?.every(address => guard.allows(address, port)) === true ? first : null
}

/** Null = it failed, or time is up: a resolver cannot be told to stop. */
async function raced<T>(wanted: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<null>()
  const stop = (): void => resolve(null)
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    return await Promise.race([wanted.catch(() => null), promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function send(url: URL, address: string, signal: AbortSignal): Promise<IncomingMessage | null> {
  const pinned: LookupFunction = (_host, options, done) => {
    const family = isIP(address)
    if (options.all === true) done(null, [{ address, family }])
    else done(null, address, family)
  }
  return new Promise(resolve => {
    const request = (url.protocol === 'https:' ? requestSecured : requestPlain)(url, {
      agent: false, lookup: pinned, signal, maxHeaderSize: 16_384, headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'headrace' },
    })
    request.once('response', resolve)
    request.on('error', () => resolve(null))
    request.end()
  })
}

async function readBody(response: IncomingMessage, types: ReadonlySet<string>, maxBytes: number, signal: AbortSignal): Promise<Result<FetchedPart, string>> {
  const mediaType = (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const tooLarge = failure(`it is larger than the ${maxBytes} bytes that may still be fetched for this request`)
  try {
    if (!types.has(mediaType)) return failure(`its media type is not one of ${[...types].join(', ')}`)
    if ((response.headers['content-encoding'] ?? 'identity') !== 'identity') return failure('it comes compressed')
    if (Number(response.headers['content-length'] ?? 0) > maxBytes) return tooLarge
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) return tooLarge
      chunks.push(chunk)
    }
    return success({ mediaType, data: Buffer.concat(chunks) })
  } catch {
    return failure(signal.aborted ? 'it did not come in time' : 'its host broke the answer off')
  } finally {
    response.destroy()
  }
}
