import type { RequestHead } from '@headrace/contract'
import { isTokenList } from './header-text.ts'

/** Headers of ours that a page's script may read. */
const EXPOSED = 'access-control-expose-headers: x-request-id, headrace-target, headrace-coalesced, retry-after\r\n'
/** Bytes of asked header names that a preflight answer repeats at most. */
const ASKED_LIMIT = 2_048

/** Cross-origin rules of one configuration: allowed origin -> the header lines that every answer to it gets. */
export interface Cors {
  readonly any: string | null
  readonly origins: ReadonlyMap<string, string>
}

/** Null = no origin is allowed: no CORS headers at all, and nothing to look up per request. */
export function compileCors(origins: readonly string[]): Cors | null {
  if (origins.length === 0) return null
  const lines = (origin: string): string => `access-control-allow-origin: ${origin}\r\nvary: Origin\r\n${EXPOSED}`
  return {
    any: origins.includes('*') ? `access-control-allow-origin: *\r\n${EXPOSED}` : null,
    origins: new Map(origins.filter(origin => origin !== '*').map(origin => [origin, lines(origin)])),
  }
}

/** Header lines for an answer to this request; '' = none. The origin's text comes from the configuration, never from the request. */
export function corsLines(cors: Cors, head: RequestHead): string {
  const origin = head.header('origin')
  return origin === undefined ? '' : cors.origins.get(origin) ?? cors.any ?? ''
}

/** The answer's extra lines if this is a preflight (https://fetch.spec.whatwg.org/#cors-preflight-fetch), else null. */
export function preflightLines(head: RequestHead): string | null {
  if (head.method !== 'OPTIONS' || head.header('origin') === undefined || head.header('access-control-request-method') === undefined) return null
  const asked = head.header('access-control-request-headers') ?? ''
  const allowed = asked.length <= ASKED_LIMIT && isTokenList(asked) ? asked : 'authorization, content-type'
  return `access-control-allow-methods: GET, POST, OPTIONS\r\naccess-control-allow-headers: ${allowed}\r\naccess-control-max-age: 600\r\n`
}
