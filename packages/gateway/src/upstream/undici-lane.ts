import type { Dispatcher, ProxyAgent } from 'undici'
import type { Origin, UpstreamCall, UpstreamHandler, UpstreamRequest } from '@headrace/contract'
import type { Deadlines } from './deadlines.ts'
import { closedFault, connectFault, crowdedFault, errorCode } from './faults.ts'
import type { PoolLimits } from './pool.ts'
import { ProxiedCall } from './proxied-call.ts'

/** Proxies whose agents are kept; beyond it the oldest agent finishes its calls and is closed. */
const MAX_AGENTS = 64
/** Same bound as on the direct lane. */
const MAX_HEAD_BYTES = 65_536

/** Calls through forward proxies, by undici: rare enough that its price does not matter. It is loaded with the first such call. */
export class UndiciLane {
  readonly #limits: PoolLimits
  readonly #deadlines: Deadlines
  readonly #agents = new Map<string, Promise<ProxyAgent>>()
  readonly #calls = new Set<ProxiedCall>()

  constructor(limits: PoolLimits, deadlines: Deadlines) {
    this.#limits = limits
    this.#deadlines = deadlines
  }

  get running(): number {
    return this.#calls.size
  }

  start(request: UpstreamRequest, handler: UpstreamHandler, credential: string): UpstreamCall {
    const call = new ProxiedCall(request, handler, this.#deadlines, this.#calls)
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

  async #send(request: UpstreamRequest, call: ProxiedCall, credential: string): Promise<void> {
    // undici throws on what it will not send; that is foreign code, so it is caught here.
    try {
      const agent = await this.#agentOf(request.origin.proxy ?? '')
      if (call.done) return
      agent.dispatch(dispatchOptions(request, credential), call)
    } catch (error) {
      call.fail(connectFault(request.origin, errorCode(error)))
    }
  }

  #agentOf(proxy: string): Promise<ProxyAgent> {
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

async function makeAgent(proxy: string, limits: PoolLimits): Promise<ProxyAgent> {
  const { ProxyAgent } = await import('undici')
  return new ProxyAgent({
    uri: proxy,
    connections: limits.maxConnectionsPerOrigin,
    keepAliveTimeout: limits.keepAliveMs,
    keepAliveMaxTimeout: limits.keepAliveMs,
    maxHeaderSize: MAX_HEAD_BYTES,
    pipelining: 1,
    allowH2: false,
  })
}

/** undici's own time-outs are off: the call's deadlines are ours, as on the direct lane. */
function dispatchOptions(request: UpstreamRequest, credential: string): Dispatcher.DispatchOptions {
  const { origin, method, path, body } = request
  return {
    origin: originUrl(origin),
    method,
    path,
    headers: { ...headerFields(request.headers + credential), host: origin.authority },
    body: method === 'GET' ? null : typeof body === 'string' ? Buffer.from(body, 'latin1') : body,
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
