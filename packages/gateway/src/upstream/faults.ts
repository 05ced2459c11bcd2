import { gatewayError, type ErrorKind, type GatewayError, type Origin } from '@headrace/contract'

/** What to say for each kind that this layer reports. Names hosts and settings, never a provider's own text. */
const TIMEOUT_ADVICE: Partial<Record<ErrorKind, string>> = Object.freeze({
  'upstream-connect-timeout': 'gave no connection in time. Check its base URL and the network, or raise timeouts.connect',
  'upstream-first-token-timeout': 'took the request but sent no body in time. Raise timeouts.first_token, or what the request asked for in headrace-timeout, if the model thinks long',
  'upstream-idle-timeout': 'stopped sending in mid-answer. Raise timeouts.idle if such gaps are normal there',
  'upstream-total-timeout': 'was not done when the total deadline passed. Raise timeouts.total, or what the request asked for in headrace-timeout, if answers may take longer',
})

export const timeoutFault = (kind: ErrorKind, origin: Origin, status: number): GatewayError =>
  gatewayError(kind, `${origin.authority} ${TIMEOUT_ADVICE[kind] ?? 'was too slow'}.`, { upstreamStatus: status })

/** `code` is a system or TLS error code (`ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`). */
export const connectFault = (origin: Origin, code: string): GatewayError =>
  gatewayError('upstream-connect', `Cannot connect to ${origin.authority} (${code}). Check the provider's base URL, DNS and certificates.`)

export const resetFault = (origin: Origin, code: string): GatewayError =>
  gatewayError('upstream-reset', `${origin.authority} closed the connection before it answered (${code}).`)

export const truncatedFault = (origin: Origin, status: number, code: string): GatewayError =>
  gatewayError('upstream-truncated', `${origin.authority} broke its answer off before the end (${code}).`, { upstreamStatus: status })

/** `problem` is our own words for the rule that the answer broke. */
export const protocolFault = (origin: Origin, problem: string): GatewayError =>
  gatewayError('upstream-protocol', `${origin.authority} sent an invalid HTTP answer: ${problem}.`)

export const codedFault = (origin: Origin): GatewayError =>
  protocolFault(origin, 'a compressed body, though none was asked for')

export const crowdedFault = (origin: Origin, connections: number): GatewayError =>
  gatewayError('upstream-overloaded', `All ${connections} connections to ${origin.authority} are busy and the queue is full.`)

export const closedFault = (): GatewayError =>
  gatewayError('shutting-down', 'The gateway is shutting down. Send the request to another instance.')

/** The code of a system error, and nothing else of it: messages may quote what the other side sent. */
export function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return 'unknown error'
  return typeof error.code === 'string' && /^[A-Z0-9_]{1,64}$/.test(error.code) ? error.code : 'unknown error'
}
