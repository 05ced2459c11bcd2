/**
 * How a provider's short-lived token is got: plain data that holds a secret, and goes where credentials go (invariant 9). A kind more is a row more in
 * the upstream layer's table of grants.
 */
export type TokenGrant = ClientCredentialsGrant | ServiceAccountGrant

/** OAuth 2.0 client credentials (RFC 6749, section 4.4), as Microsoft Entra ID gives tokens for Azure OpenAI. */
export interface ClientCredentialsGrant {
  readonly kind: 'client-credentials'
  /** https, or http on this machine. */
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: string
  /** '' = none is asked for. */
  readonly scope: string
}

/**
 * An assertion that is signed with a service account's own key (RFC 7523, section 2.1), as Google gives tokens for Vertex AI:
 * https://developers.google.com/identity/protocols/oauth2/service-account
 */
export interface ServiceAccountGrant {
  readonly kind: 'service-account'
  /** https, or http on this machine. */
  readonly tokenUrl: string
  /** The account's address. */
  readonly email: string
  /** Which of its keys this is; '' = not said. */
  readonly keyId: string
  /** RSA, PEM. */
  readonly privateKey: string
  readonly scope: string
}
