/** Who is calling. First parameter of every port; produced only by `authenticate()`. */
export interface Principal {
  /** Hard partition of every lookup (invariant 8). One built-in tenant, `default`, until tenants are managed. */
  readonly tenant: string
  readonly team: string | null
  readonly app: string | null
  /** Public id of the credential, never the credential (invariant 9). */
  readonly keyId: string
  readonly endUser: string | null
  readonly scopes: ReadonlySet<Scope>
  /** Which scheme vouched for it. */
  readonly source: 'virtual-key' | 'anonymous'
}

/** What a principal may do. `inference`: call models; `admin`: everything under /admin/v1; `pass-through`: send whatever a provider offers to it, under /providers. */
export const SCOPES = Object.freeze(['inference', 'admin', 'pass-through'] as const)
export type Scope = (typeof SCOPES)[number]

/** A virtual key as stores keep it: never the key itself, only the digest of it. */
export interface KeyRecord {
  readonly keyId: string
  /** Lower-case hex SHA-256 of the whole token. Tokens carry >= 160 random bits, so a fast hash is right. */
  readonly digest: string
  /** First characters of the token, shown so that people can tell keys apart. At most 8 characters. */
  readonly prefix: string
  readonly name: string
  readonly tenant: string
  readonly team: string | null
  readonly app: string | null
  readonly scopes: readonly Scope[]
  /** Public model names (exact, or with a trailing `*`) the key may call; null = all. */
  readonly models: readonly string[] | null
  /** Unix milliseconds. */
  readonly createdAt: number
  /** Unix milliseconds; null = never. */
  readonly expiresAt: number | null
}
