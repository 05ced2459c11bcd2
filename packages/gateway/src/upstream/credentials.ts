import { failure, gatewayError, success, type Origin, type Result, type TokenGrant, type UpstreamRequest } from '@headrace/contract'

/** A provider's secret, bound to the one place it may go (invariant 9). */
export interface Credential {
  readonly origin: Origin
  /** Rendered header line, `authorization: Bearer ...\r\n`; '' where a token is got for it. */
  readonly headerLine: string
  readonly grant?: TokenGrant
}

/** Header name, colon, visible text, one CRLF: anything else could smuggle a second line. */
const HEADER_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[ \t]?[\x20-\x7e\x80-\xff]+\r\n$/

/** Checks a vault. Throws on a malformed line, naming the id and never the value. */
export function checkedVault(vault: ReadonlyMap<string, Credential>): ReadonlyMap<string, Credential> {
  for (const [id, credential] of vault) {
    if (credential.grant === undefined && !HEADER_LINE.test(credential.headerLine)) throw new Error(`credential ${id} does not render to one clean header line`)
  }
  return new Map(vault)
}

/** The credential of a request, null if it wants none. Errors: `internal` for an unknown id or an origin the credential is not for. */
export function credentialOf(vault: ReadonlyMap<string, Credential>, request: Pick<UpstreamRequest, 'credentialId' | 'origin'>): Result<Credential | null> {
  if (request.credentialId === null) return success(null)
  const credential = vault.get(request.credentialId)
  if (credential === undefined) return failure(gatewayError('internal', `Credential ${request.credentialId} is not in the vault.`))
  if (!isSamePlace(credential.origin, request.origin)) {
    return failure(gatewayError('internal', `Credential ${request.credentialId} is not for ${request.origin.authority}; nothing was sent.`))
  }
  return success(credential)
}

/** Scheme, host and port agree. Equal origins of two configurations are the same place. */
export function isSamePlace(one: Origin, other: Origin): boolean {
  if (one === other) return true
  return one.tls === other.tls && one.port === other.port && one.host.toLowerCase() === other.host.toLowerCase()
}

/** The pool that an origin belongs to, as a string: equal for equal origins. The authority is in it because TLS names and Host come from it. */
export function originKey(origin: Origin): string {
  return `${origin.tls ? 'https' : 'http'}://${origin.host.toLowerCase()}:${origin.port} ${origin.authority} ${origin.proxy ?? ''}`
}
