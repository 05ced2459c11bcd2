import type { Agent, Dispatcher, ProxyAgent } from 'undici'
import type { Origin, PassedRequest, UpstreamCall, UpstreamHandler, UpstreamRequest } from '@headrace/contract'
import type { Deadlines } from './deadlines.ts'
import { closedFault, connectFault, crowdedFault, errorCode } from './faults.ts'
import type { PoolLimits } from './pool.ts'
import { ProxiedCall } from './proxied-call.ts'

/** Proxies whose agents are kept; beyond it the oldest agent finishes its calls and is closed. */
const MAX_AGENTS = 64
/** Same bound as on the direct lane. */
const MAX_HEAD_BYTES = 65_536

/** Calls through forward proxies, and requests that are passed through, by undici: rare enough that its price does not matter. It is loaded with the first such call. */
export class UndiciLane {
  readonly #limits: PoolLimits
  readonly #deadlines: Deadlines
  /** By proxy; '' = none. */
  readonly #agents = new Map<string, Promise<ProxyAgent | Agent>>()
  readonly #calls = new Set<ProxiedCall>()

  constructor(limits: PoolLimits, deadlines: Deadlines) {
    this.#limits = limits
    this.#deadlines = deadlines
  }

  get running(): number {
    return this.#calls.size
  }

  start(request: UpstreamRequest, handler: UpstreamHandler, credential: string): UpstreamCall {
    const { origin, timeouts, deadline } = request
    return this.#start(request, new ProxiedCall({ origin, timeouts, deadline, passes: false, body: null }, handler, this.#deadlines, this.#calls), credential)
  }

  /** A request whose body goes out as it comes in. */
  pass(request: PassedRequest, handler: UpstreamHandler, credential: string): UpstreamCall {
    const { origin, timeouts, deadline, body } = request
    return this.#start(request, new ProxiedCall({ origin, timeouts, deadline, passes: true, body }, handler, this.#deadlines, this.#calls), credential)
  }

  #start(request: UpstreamRequest | PassedRequest, call: ProxiedCall, credential: string): UpstreamCall {
    if (this.#calls.size > this.#limits.maxConnectionsPerOrigin) {
      queueMicrotask(() => call.fail(crowdedFault(request.origin, this.#limits.maxConnectionsPerOrigin)))
    } else {
      void this.#send(request, call, credential)
    }
    return call
  }

  async close(): Promise<void> {
    for (const call of this.#calls) call.cut(closedFault())
    const agents = await Promise.allSettled(this.#agents.values())
    this.#agents.clear()
    await Promise.all(agents.map(agent => agent.status === 'fulfilled' ? agent.value.destroy() : undefined))
  }

  async #send(request: UpstreamRequest | PassedRequest, call: ProxiedCall, credential: string): Promise<void> {
    // undici throws on what it will not send; that is foreign code, so it is caught here.
    try {
      const agent = await this.#agentOf(request.origin.proxy ?? '')
      if (call.done) return
      agent.dispatch(dispatchOptions(request, credential), call)
    } catch (error) {
      call.fail(connectFault(request.origin, errorCode(error)))
    }
  }

  #agentOf(proxy: string): Promise<ProxyAgent | Agent> {
    const known = this.#agents.get(proxy)
    if (known !== undefined) return known
    const made = makeAgent(proxy, this.#limits)
    this.#agents.set(proxy, made)
    for (const [oldest, agent] of this.#agents) {
      if (this.#agents.size <= MAX_AGENTS) break
      this.#agents.delete(oldest)
      void agent.then(stale => stale.close(), () => undefined)
    }
    return made
  }
}

async function makeAgent(proxy: string, limits: PoolLimits): Promise<ProxyAgent | Agent> {
  const { Agent, ProxyAgent } = await import('undici')
  const options = {
    connections: limits.maxConnectionsPerOrigin,
    keepAliveTimeout: limits.keepAliveMs,
    keepAliveMaxTimeout: limits.keepAliveMs,
    maxHeaderSize: MAX_HEAD_BYTES,
    pipelining: 1,
    allowH2: false,
  }
  return proxy === '' ? new Agent(options) : new ProxyAgent({ ...options, uri: proxy })
}

/** undici's own time-outs are off: the call's deadlines are ours, as on the direct lane. */
function dispatchOptions({ origin, method, path, headers, body }: UpstreamRequest | PassedRequest, credential: string): Dispatcher.DispatchOptions {
  const length: Record<string, string> = body === null || typeof body === 'string' || !('announced' in body) || body.announced < 0 ? {} : { 'content-length': String(body.announced) }
  return {
    origin: originUrl(origin),
    method,
    path,
    headers: { ...headerFields(headers + credential), ...length, host: origin.authority },
    body: typeof body === 'string' ? method === 'GET' ? null : Buffer.from(body, 'latin1') : body,
    headersTimeout: 0,
    bodyTimeout: 0,
  }
}

function originUrl(origin: Origin): string {
  const host = origin.host.includes(':') ? `[${origin.host}]` : origin.host
  return `${origin.tls ? 'https' : 'http'}://${host}:${origin.port}`
}

function headerFields(lines: string): Record<string, string[]> {
  const fields: Record<string, string[]> = {}
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) (fields[line.slice(0, colon).toLowerCase()] ??= []).push(line.slice(colon + 1).trim())
  }
  return fields
}
