import type { IncomingMessage } from 'node:http'
import type { RequestHead } from '@headrace/contract'
import { refusal, type Refusal } from './door.ts'
import { isHost } from './host.ts'

/** Headers that may stand once. Node keeps the first of most of them in silence: two readers, two meanings. */
const SINGLE = new Set([
  'host', 'content-length', 'content-type', 'authorization', 'proxy-authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie', 'origin',
  'age', 'etag', 'expires', 'from', 'if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'referer',
  'retry-after', 'server', 'user-agent', 'x-request-id', 'traceparent', 'idempotency-key', 'headrace-tags', 'headrace-context', 'headrace-provider', 'expect', 'upgrade', 'content-encoding',
])

/** A target as the edge routes it: origin-form, split at the first `?`. */
export interface Target { readonly path: string, readonly query: string }

/**
 * What `node:http` lets pass and a front door must not (RFC 9112 3, 6; RFC 9110 7.2). Null = fit to be answered.
 * Each of these is a request that the next reader could understand in another way.
 */
export function refuseHead(request: IncomingMessage): Refusal | null {
  return refuseUpgraded(request) ?? refuseUpgrade(request)
}

/** The same for a request that turns its connection into a WebSocket. */
export function refuseUpgraded(request: IncomingMessage): Refusal | null {
  return refuseVersion(request) ?? refuseFraming(request) ?? refuseHeaders(request) ?? refuseMethod(request)
}

function refuseUpgrade(request: IncomingMessage): Refusal | null {
  const upgrade = request.headers.upgrade
  // JDK clients offer h2c with every plain request; RFC 9110 7.8 lets a server ignore it. The connection is closed after the answer.
  if (upgrade !== undefined && upgrade.toLowerCase() !== 'h2c') return refusal('invalid-request', 'Upgrading the connection is not possible here.')
  return null
}

function refuseVersion(request: IncomingMessage): Refusal | null {
  if (request.httpVersionMajor === 1) return null
  return refusal('invalid-request', `HTTP/${request.httpVersion} is not spoken here in text; use HTTP/1.1.`, 505)
}

function refuseFraming(request: IncomingMessage): Refusal | null {
  const coding = request.headers['transfer-encoding']
  if (coding === undefined) return null
  if (request.httpVersionMinor !== 1) return refusal('invalid-request', 'Transfer-Encoding needs HTTP/1.1.')
  if (coding.toLowerCase() === 'chunked') return null
  return refusal('invalid-request', 'The only Transfer-Encoding taken is "chunked".', 501)
}

function refuseHeaders(request: IncomingMessage): Refusal | null {
  const twice = repeatedHeader(request)
  if (twice !== null) return refusal('invalid-request', `The header ${twice} is sent more than once.`)
  const host = request.headers.host
  if (host === undefined ? request.httpVersionMinor === 1 : !isHost(host)) return refusal('invalid-request', 'The Host header is missing or malformed.')
  return null
}

function repeatedHeader(request: IncomingMessage): string | null {
  const raw = request.rawHeaders
  // As many names as lines: nothing is repeated. Node's own names are lower-case.
  if (2 * Object.keys(request.headers).length === raw.length) return null
  const seen: string[] = []
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    if (!SINGLE.has(name)) continue
    if (seen.includes(name)) return name
    seen.push(name)
  }
  return null
}

function refuseMethod(request: IncomingMessage): Refusal | null {
  if (request.method !== 'TRACE' && request.method !== 'CONNECT') return null
  return refusal('method-not-allowed', `${request.method} is not allowed.`)
}

/** Origin-form as it is; absolute-form only if it names the same host as the Host header (RFC 9112 3.2.2). Null = refuse. */
export function readTarget(request: IncomingMessage): Target | null {
  let target = request.url ?? ''
  if (!target.startsWith('/')) {
    const match = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target)
    if (match === null || match[1]?.toLowerCase() !== request.headers.host?.toLowerCase()) return null
    target = match[2] === '' ? '/' : match[2] ?? ''
    if (!target.startsWith('/')) return null
  }
  if (target.includes('#')) return null
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

/** What the parser's complaint is to the client. Null = the connection itself failed: nobody is there to be told. */
export function parserRefusal(code: string | undefined, headBytes: number): Refusal | null {
  if (code === 'HPE_HEADER_OVERFLOW') return refusal('head-too-large', `The request head is larger than this gateway takes (${headBytes} bytes).`)
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return refusal('body-too-large', 'The chunk extensions are too large.')
  if (code === undefined || !code.startsWith('HPE_')) return null
  return refusal('invalid-request', 'The request is not well-formed HTTP/1.1.')
}

/** The head of a request that has no answer of its own. */
export function upgradeHead({ headers, method = '' }: IncomingMessage, { path, query }: Target, remoteAddress: string): RequestHead {
  return {
    method, path, query, remoteAddress,
    header(name) {
      const value = headers[name]
      return typeof value === 'string' ? value : Array.isArray(value) ? value.join(', ') : undefined
    },
  }
}
