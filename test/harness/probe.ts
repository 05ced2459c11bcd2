import { Agent, request } from 'node:http'
import { API_KEY } from './start-headrace.ts'

/** What a probe saw: each call's milliseconds, and what was not a whole 200. */
export interface ProbeResult {
  readonly times: readonly number[]
  readonly failures: readonly string[]
  /** The time that this part of the calls took at most (0.99 = p99), ms. */
  quantile(part: number): number
}

/** A well-behaved client that calls at a steady pace over one kept connection, while others misbehave. */
export function startProbe(port: number, body: string, everyMs: number): { stop(): Promise<ProbeResult> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const times: number[] = []
  const failures: string[] = []
  const running = new Set<Promise<void>>()
  const call = (): void => {
    const begun = performance.now()
    const done = ask(port, agent, body).then(
      status => { if (status === 200) times.push(performance.now() - begun); else failures.push(`status ${status}`) },
      (error: unknown) => { failures.push(String(error)) },
    ).finally(() => running.delete(done))
    running.add(done)
  }
  const timer = setInterval(call, everyMs)
  call()
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(running)
      agent.destroy()
      const sorted = times.toSorted((left, right) => left - right)
      return { times, failures, quantile: part => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Infinity }
    },
  }
}

function ask(port: number, agent: Agent, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', agent, method: 'POST', path: '/v1/chat/completions', headers: { 'authorization': `Bearer ${API_KEY}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, answer => {
      answer.resume()
      answer.on('end', () => resolve(answer.complete ? answer.statusCode ?? 0 : -1))
      answer.on('error', reject)
    })
    sent.setTimeout(15_000, () => sent.destroy(new Error('no answer in 15 s')))
    sent.on('error', reject)
    sent.end(body)
  })
}
