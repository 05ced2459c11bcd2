import { Agent, request } from 'node:http'

/** Requests that come whether or not earlier ones were answered, as from many clients who do not know of each other. */
export interface OpenLoop {
  readonly port: number
  readonly key: string
  readonly model: string
  readonly perSecond: number
  readonly seconds: number
  /** A client waits so long for its whole answer, ms, then it leaves. */
  readonly deadlineMs: number
  /** Further members of the request's body. */
  readonly more?: object
}

/** One request: when it was sent, had its first byte (0 = never) and was over (ms from the load's start), and whether the whole answer came in time. Status 0 = the client left. */
export interface Asked { readonly sentAt: number, readonly firstByteAt: number, readonly endedAt: number, readonly status: number, readonly good: boolean }

/** How often what is due is sent, ms. */
const TICK_MS = 4

/** Sends the load and resolves when every request is over. Arrivals are evenly random, so that there are small bursts. */
export async function openLoop({ port, key, model, perSecond, seconds, deadlineMs, more = {} }: OpenLoop): Promise<Asked[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1_000 })
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], ...more })
  const headers = { 'authorization': `Bearer ${key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const start = performance.now()
  const due = Array.from({ length: Math.round(perSecond * seconds) }, () => Math.random() * seconds * 1_000).toSorted((left, right) => left - right)
  const asked: Promise<Asked>[] = []
  const ask = (): Promise<Asked> => new Promise(resolve => {
    const sentAt = performance.now() - start
    let firstByteAt = 0
    const end = (status: number, whole: boolean): void => {
      clearTimeout(timer)
      const endedAt = performance.now() - start
      resolve({ sentAt, firstByteAt, endedAt, status, good: whole && status === 200 && endedAt - sentAt <= deadlineMs })
    }
    const call = request({ agent, host: '127.0.0.1', port, path: '/v1/chat/completions', method: 'POST', headers }, response => {
      response.once('data', () => { firstByteAt = performance.now() - start })
      response.resume()
      response.on('end', () => end(response.statusCode ?? 0, response.complete))
      response.on('error', () => end(0, false))
    })
    const timer = setTimeout(() => call.destroy(new Error('left')), deadlineMs)
    call.on('error', () => end(0, false))
    call.end(body)
  })
  await new Promise<void>(resolve => {
    const ticking = setInterval(() => {
      const now = performance.now() - start
      while (asked.length < due.length && (due[asked.length] ?? Infinity) <= now) asked.push(ask())
      if (asked.length < due.length) return
      clearInterval(ticking)
      resolve()
    }, TICK_MS)
  })
  const outcomes = await Promise.all(asked)
  agent.destroy()
  return outcomes
}

/** Useful answers per second that ended in a span of the load, ms. */
export function goodput(asked: readonly Asked[], from: number, until: number): number {
  return asked.filter(({ good, endedAt }) => good && endedAt >= from && endedAt < until).length * 1_000 / (until - from)
}
