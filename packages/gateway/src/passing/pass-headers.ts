/** Headers that say who the client is, or what only its connection with the gateway is about. */
const KEPT_HERE = new Set([
  'authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie', 'cookie2', 'host', 'content-length', 'accept-encoding', 'user-agent', 'x-request-id', 'traceparent', 'tracestate',
  'origin', 'referer', 'access-control-request-method', 'access-control-request-headers', 'access-control-request-private-network',
])
const OWN = /^(?:headrace-|sec-)/
/** What a provider says to whoever holds its connection or account, and what the gateway says itself. */
const NOT_ANSWERED = new Set(['content-length', 'date', 'server', 'set-cookie', 'set-cookie2', 'alt-svc', 'strict-transport-security', 'x-request-id', 'request-id', 'www-authenticate'])
const NOT_ANSWERED_KINDS = /^(?:headrace-|access-control-)/
const LIMITS = /^(?:x-)?ratelimit(?:-|$)/
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Header lines for a provider: the client's own without its credentials and cookies, under those that are configured. `pairs`: names and values in turn, without those
 * of the connection. No value holds the client's `token`, whatever the header is called.
 */
export function requestLines(pairs: readonly string[], configured: Readonly<Record<string, string>>, token: string): string {
  let lines = ''
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const name = (pairs[index] ?? '').toLowerCase()
    const value = pairs[index + 1] ?? ''
    if (!KEPT_HERE.has(name) && !OWN.test(name) && !Object.hasOwn(configured, name) && !value.includes(token) && isClean(name, value)) lines += `${name}: ${value}\r\n`
  }
  for (const [name, value] of Object.entries(configured)) lines += `${name}: ${value}\r\n`
  return lines
}

/** Header lines for the client out of a provider's answer. `limited`: the gateway tells the client's limits itself. `reveals`: whether a text holds the provider's secret. */
export function answerLines(pairs: readonly string[], limited: boolean, reveals: (text: string) => boolean): string {
  let lines = ''
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const name = (pairs[index] ?? '').toLowerCase()
    const value = pairs[index + 1] ?? ''
    if (NOT_ANSWERED.has(name) || NOT_ANSWERED_KINDS.test(name) || (limited && LIMITS.test(name)) || !isClean(name, value)) continue
    lines += `${name}: ${value}\r\n`
  }
  return reveals(lines) ? lines.split('\r\n').filter(line => line !== '' && !reveals(line)).map(line => `${line}\r\n`).join('') : lines
}

const isClean = (name: string, value: string): boolean => NAME.test(name) && VALUE.test(value)
