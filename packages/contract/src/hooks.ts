import type { Exchange } from './exchange.ts'
import type { GatewayError } from './errors.ts'

/**
 * Plugin stages, compiled per snapshot to one function each, or `null`: an unused stage costs one comparison.
 * `onCall` may refuse a request (return an error) before any attempt; it may await.
 * `onEvent` sees the bytes about to reach the client, per read, and may replace them; asking for it is visible in `explain`.
 * `onSettle` sees the settled exchange; it must not throw and cannot change anything.
 */
export interface Hooks {
  readonly onCall: ((exchange: Exchange) => Promise<GatewayError | null>) | null
  readonly onEvent: ((exchange: Exchange, bytes: Buffer) => Buffer) | null
  readonly onSettle: ((exchange: Exchange) => void) | null
}

export const NO_HOOKS: Hooks = Object.freeze({ onCall: null, onEvent: null, onSettle: null })
