import { failure, gatewayError, type Dispatch, type GatewayError, type Origin, type Pass, type PassedRequest, type UpstreamCall, type UpstreamHandler, type UpstreamRequest } from '@headrace/contract'
import { checkedVault, credentialOf, originKey, type Credential } from './credentials.ts'
import { Deadlines } from './deadlines.ts'
import { closedFault } from './faults.ts'
import { Pool, type PoolLimits } from './pool.ts'
import { requestProblem } from './request-text.ts'
import { reveals } from './reveals.ts'
import { RunningCall } from './running-call.ts'
import { TokenVault } from './token-vault.ts'
import { UndiciLane } from './undici-lane.ts'

export type { Credential } from './credentials.ts'

/** Bounds of the outbound layer. Defaults: 2,048 idle and 16,384 open connections per origin, idle ones kept for 30 s. */
export interface UpstreamOptions extends PoolLimits {}

/** Counts at this moment. */
export interface UpstreamStats {
  /** Connections that serve or can serve, idle ones included; without those through proxies. */
  readonly open: number
  readonly idle: number
  /** Calls that wait for a connection. */
  readonly waiting: number
  /** Calls that run through forward proxies. */
  readonly proxied: number
}

/** The only layer that opens outbound sockets. */
export interface Upstream {
  /**
   * Sends one request. `onSent` may come before this returns, everything else comes later. After a false from `onData` one more read
   * (64 KiB at most) may follow on TLS; the end may follow at once, since it holds nothing back.
   */
  readonly dispatch: Dispatch
  readonly pass: Pass
  /** Replaces all secrets at once. Throws on a line that is not one clean header. */
  setCredentials(vault: ReadonlyMap<string, Credential>): void
  /** A provider's text holds the secret that it was called with, in whatever spelling: it is not to be handed on. */
  reveals(credentialId: string | null, text: string): boolean
  /** Fails what runs with `shutting-down`, closes every socket, then resolves. */
  close(): Promise<void>
  readonly stats: UpstreamStats
}

const DEFAULTS: UpstreamOptions = Object.freeze({ maxIdlePerOrigin: 2048, maxConnectionsPerOrigin: 16_384, keepAliveMs: 30_000 })
/** Bytes of one read; shared by all connections, since each read is dealt with before the next. */
const READ_BUFFER_BYTES = 65_536

export function createUpstream(options: Partial<UpstreamOptions> = {}): Upstream {
  const limits: UpstreamOptions = { ...DEFAULTS, ...options }
  const deadlines = new Deadlines()
  const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  const pools = new Map<string, Pool>()
  // A reload makes new, equal origins: each finds its pool by key once, then by identity.
  const poolByOrigin = new WeakMap<Origin, Pool>()
  const proxied = new UndiciLane(limits, deadlines)
  const passing = new UndiciLane(limits, deadlines)
  const tokens = new TokenVault(() => performance.now())
  let vault: ReadonlyMap<string, Credential> = new Map()
  let isClosed = false

  function poolOf(origin: Origin): Pool {
    const known = poolByOrigin.get(origin)
    if (known !== undefined) return known
    const key = originKey(origin)
    const pool = pools.get(key) ?? new Pool(origin, limits, deadlines, readBuffer)
    pools.set(key, pool)
    poolByOrigin.set(origin, pool)
    return pool
  }

  function dispatch(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    if (isClosed) return refuse(handler, closedFault())
    const problem = requestProblem(request)
    if (problem !== null) return refuse(handler, gatewayError('internal', `The upstream request was not sent: ${problem}.`))
    const credential = credentialOf(vault, request)
    if (!credential.ok) return refuse(handler, credential.error)
    if (credential.value?.grant !== undefined) return tokens.start(credential.value.grant, handler, (line, watched) => isClosed ? refuse(watched, closedFault()) : send(request, watched, line))
    return send(request, handler, credential.value === null ? '' : credential.value.headerLine)
  }

  function send(request: UpstreamRequest, handler: UpstreamHandler, line: string): UpstreamCall {
    if (request.origin.proxy !== null) return proxied.start(request, handler, line)
    const call = new RunningCall(request, handler, line, deadlines)
    poolOf(request.origin).start(call)
    return call
  }

  function pass(request: PassedRequest, handler: UpstreamHandler): UpstreamCall {
    const credential = isClosed ? failure(closedFault()) : credentialOf(vault, request)
    const problem = requestProblem(request)
    if (!credential.ok || problem !== null) {
      request.body?.destroy()
      return refuse(handler, credential.ok ? gatewayError('internal', `The upstream request was not sent: ${problem}.`) : credential.error)
    }
    if (credential.value?.grant !== undefined) return tokens.start(credential.value.grant, handler, (line, watched) => passing.pass(request, watched, line))
    return passing.pass(request, handler, credential.value === null ? '' : credential.value.headerLine)
  }

  return {
    dispatch, pass,
    setCredentials(next) {
      vault = checkedVault(next)
      tokens.adopt([...vault.values()].flatMap(({ grant }) => grant === undefined ? [] : [grant]))
    },
    reveals(credentialId, text) {
      const credential = credentialId === null ? undefined : vault.get(credentialId)
      if (credential?.grant !== undefined) return tokens.secrets(credential.grant).some(secret => reveals(`authorization: ${secret}`, text))
      return credential !== undefined && reveals(credential.headerLine, text)
    },
    async close() {
      isClosed = true
      tokens.stop()
      await Promise.all([...pools.values()].map(pool => pool.close()).concat(proxied.close(), passing.close()))
      deadlines.stop()
    },
    get stats() {
      let open = 0, idle = 0, waiting = 0
      for (const pool of pools.values()) {
        open += pool.open
        idle += pool.idle
        waiting += pool.waiting
      }
      return { open, idle, waiting, proxied: proxied.running }
    },
  }
}

/** A call that never begins. The handler hears it after `dispatch` has returned. */
function refuse(handler: UpstreamHandler, error: GatewayError): UpstreamCall {
  let isAborted = false
  queueMicrotask(() => { if (!isAborted) handler.onError(error) })
  return { resume() {}, abort() { isAborted = true } }
}
