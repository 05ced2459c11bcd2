import { hash } from 'node:crypto'
import type { WireName, Principal } from '@headrace/contract'

/** All that may change an answer, beside the bytes of the body. */
export interface ShareFacts {
  /** Of the configuration: another one may lead elsewhere. */
  readonly version: number
  readonly dialect: WireName
  readonly operation: string
  /** The plan's name for the model. */
  readonly model: string
  /** The client's headers that change what is asked or how it is answered. */
  readonly headers: string
}

/**
 * Names requests that may share a call: those of the same tenant, credential and end user (invariant 8), with the same bytes, that lead to the same place. Nobody
 * learns from an answer, or from how fast it came, what another credential has asked.
 */
export function shareKey({ tenant, keyId, endUser }: Principal, { version, dialect, operation, model, headers }: ShareFacts, body: Buffer): string {
  return hash('sha256', `${JSON.stringify([tenant, keyId, endUser, version, dialect, operation, model, headers])}${hash('sha256', body, 'hex')}`, 'base64url')
}
