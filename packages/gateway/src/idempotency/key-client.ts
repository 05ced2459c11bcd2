import { Agent, request } from 'node:http'
import { packHeaded, unpackHeaded } from '@headrace/bytes'
import type { ClaimState, IdempotencyClaim, IdempotencyName, KeyReply, KeyRequest } from '@headrace/contract'

/** What a key is, and the sealed answer where one is kept. */
export interface Claimed { readonly state: ClaimState, readonly answer: Buffer | null }

/** Questions that do not wait are answered within this time, ms. */
const ANSWER_MS = 5_000

/** Asks the control process for idempotency keys, over its unix socket. Every method rejects where it does not answer. */
export class KeyClient {
  readonly #socketPath: string
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: 30_000, maxFreeSockets: 16 })

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  async claim(claim: IdempotencyClaim, waitMs: number, signal: AbortSignal): Promise<Claimed> {
    const { head, bytes } = await this.#ask({ op: 'claim', claim, waitMs }, null, waitMs + ANSWER_MS, signal)
    if (!('state' in head)) throw new Error('the control process is of another version')
    return { state: head.state, answer: head.sealed ? bytes : null }
  }

  async settle(name: IdempotencyName, token: string, answer: Buffer | null, until: number): Promise<void> {
    await this.#ask({ op: 'settle', name, token, sealed: answer !== null, until }, answer, ANSWER_MS, null)
  }

  async release(name: IdempotencyName, token: string): Promise<void> {
    await this.#ask({ op: 'release', name, token }, null, ANSWER_MS, null)
  }

  close(): void {
    this.#agent.destroy()
  }

  #ask(question: KeyRequest, body: Buffer | null, timeoutMs: number, signal: AbortSignal | null): Promise<{ readonly head: KeyReply, readonly bytes: Buffer }> {
    const bytes = packHeaded(question, body)
    return new Promise((resolve, reject) => {
      const asked = request({
        socketPath: this.#socketPath, method: 'POST', path: '/', agent: this.#agent, timeout: timeoutMs,
        headers: { 'content-length': bytes.length }, ...(signal === null ? {} : { signal }),
      })
      asked.on('timeout', () => asked.destroy(new Error('the control process does not answer')))
      asked.on('error', reject)
      asked.on('response', answer => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('error', reject)
        answer.on('aborted', () => reject(new Error('the control process broke its answer off')))
        answer.on('end', () => {
          const packed = unpackHeaded(Buffer.concat(parts))
          const head = packed?.head as KeyReply | undefined // our own program speaks our own protocol
          if (answer.statusCode === 200 && packed !== null && head !== undefined) resolve({ head, bytes: packed.bytes })
          else reject(new Error(head !== undefined && 'problem' in head ? head.problem : `status ${String(answer.statusCode)}`))
        })
      })
      asked.end(bytes)
    })
  }
}
