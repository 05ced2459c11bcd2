import type { DialectId } from './snapshot.ts'

/**
 * What the gateway knows of a provider before anything is configured: frozen data, one file per provider in `gateway/src/providers/`.
 * Passed as a parameter to `loadConfig`, so that the contract knows no provider by name.
 */
export interface KnownProvider {
  /** Name in `provider/model` and in the file's `providers` section. */
  readonly id: string
  readonly dialect: DialectId
  /** Absolute http(s) URL without trailing slash; the dialect's paths (`/chat/completions`, `/messages`) are appended. */
  readonly baseUrl: string
  /** Environment variables that may hold its key, in order of preference. Empty = never switched on by the environment. */
  readonly env: readonly string[]
  /** How it wants its key: `authorization: Bearer KEY`, a header of its own with the bare key, or not at all. */
  readonly auth: 'bearer' | 'x-api-key' | 'api-key' | 'none'
  /** It takes `stream_options: {include_usage: true}`. */
  readonly usageOption: boolean
  /** Model names worth listing and resolving without a prefix. Any other works as `provider/model`. */
  readonly models: readonly string[]
  /** Names that the model catalogue's sources have for it, where they are others. */
  readonly catalogueNames?: readonly string[]
}
