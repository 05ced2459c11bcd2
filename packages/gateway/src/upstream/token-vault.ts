import type { GatewayError, Result, TokenGrant, UpstreamCall, UpstreamHandler } from '@headrace/contract'
import { TokenKeeper } from './token-keeper.ts'
import { secretOf, tokenSource } from './token-source.ts'

/** Begins a call with a rendered credential line. */
type Begin = (line: string, handler: UpstreamHandler) => UpstreamCall

/** The tokens of all grants of the configuration in force. A grant that a reload does not change keeps its token. */
export class TokenVault {
  readonly #now: () => number
  #keepers: ReadonlyMap<string, TokenKeeper> = new Map()

  constructor(now: () => number) {
    this.#now = now
  }

  adopt(grants: readonly TokenGrant[]): void {
    const before = this.#keepers
    this.#keepers = new Map(grants.map(grant => [keyOf(grant), before.get(keyOf(grant)) ?? new TokenKeeper({ now: this.#now, source: tokenSource(grant) })]))
    for (const [key, keeper] of before) if (!this.#keepers.has(key)) keeper.stop()
  }

  /** Begins a call as soon as there is a token. The handler hears nothing before this returns. */
  start(grant: TokenGrant, handler: UpstreamHandler, begin: Begin): UpstreamCall {
    const keeper = this.#keepers.get(keyOf(grant)) ?? new TokenKeeper({ now: this.#now, source: tokenSource(grant) })
    const token = keeper.take()
    return typeof token === 'string' ? begin(lineOf(token), watched(handler, keeper, token)) : new WaitingCall(token, handler, keeper, begin)
  }

  /** What no text may hold that is handed on. */
  secrets(grant: TokenGrant): readonly string[] {
    return [secretOf(grant), ...this.#keepers.get(keyOf(grant))?.living ?? []].filter(secret => secret !== '')
  }

  stop(): void {
    for (const keeper of this.#keepers.values()) keeper.stop()
  }
}

const keyOf = (grant: TokenGrant): string => JSON.stringify(grant)
const lineOf = (token: string): string => `authorization: Bearer ${token}\r\n`

/** A call that waits for its token. */
class WaitingCall implements UpstreamCall {
  #call: UpstreamCall | null = null
  #gone = false

  constructor(token: Promise<Result<string, GatewayError>>, handler: UpstreamHandler, keeper: TokenKeeper, begin: Begin) {
    void token.then(got => {
      if (this.#gone) return
      if (got.ok) this.#call = begin(lineOf(got.value), watched(handler, keeper, got.value))
      else handler.onError(got.error)
    })
  }

  resume(): void {
    this.#call?.resume()
  }

  abort(): void {
    this.#gone = true
    this.#call?.abort()
  }
}

/** A token that the provider does not take is not used again. */
function watched(handler: UpstreamHandler, keeper: TokenKeeper, token: string): UpstreamHandler {
  return {
    onSent: () => handler.onSent(),
    onHead(status, head) {
      if (status === 401) keeper.refuse(token)
      handler.onHead(status, head)
    },
    onData: (chunk, last) => handler.onData(chunk, last),
    onEnd: () => handler.onEnd(),
    onError: error => handler.onError(error),
  }
}
