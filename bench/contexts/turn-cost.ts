import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClientListener, ClientSink, ContextOwner, ContextPolicy } from '@headrace/contract'
import { SqliteContextStore } from '@headrace/stores'
import { seededRandom } from '../../packages/sandbox/src/engine/random.ts'
import { ContextDesk } from '../../packages/stores/src/contexts/context-desk.ts'
import { BackgroundRuns } from '../../packages/gateway/src/contexts/responses/background/background-runs.ts'
import { ContextTurn, type ContextLayers } from '../../packages/gateway/src/context-turn.ts'
import { storedItem } from '../../packages/gateway/src/contexts/canonical-item.ts'
import { newContextId } from '../../packages/gateway/src/contexts/context-id.ts'
import { HotCache } from '../../packages/gateway/src/contexts/hot-cache.ts'
import type { HotContext } from '../../packages/gateway/src/contexts/hot-contexts.ts'
import { CONTEXT_DIALECTS } from '../../packages/gateway/src/context-dialects.ts'
import { DIALECTS } from '../../packages/gateway/src/main.ts'
import { median } from '../relay/measure.ts'
import { words } from './conversations.ts'

/** Of a context that only fills the file. */
const FILLED_ITEMS = 8
const FILLED_AT_ONCE = 500
const POLICY: ContextPolicy = { ttlMs: 86_400_000, maxBytes: 2 ** 25, hotBytes: 2 ** 27 }
const CHAT = DIALECTS.relay['openai-chat']
const LIMITS = { jsonDepth: 128 }
const NO_PATH = { path: '', query: '' }

/** Contexts in a file of their own, and turns on them, all in this process: its CPU time is what they cost. */
export class TurnRig {
  readonly #directory = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  readonly #store = new SqliteContextStore(join(this.#directory, 'contexts.db'))
  readonly owner: ContextOwner = new ContextDesk({ store: this.#store, wall: Date.now, monotonic: () => performance.now() }).owner()
  readonly #random = seededRandom(7)
  readonly #layers: ContextLayers = { owner: this.owner, runs: new BackgroundRuns(''), hot: new HotCache<HotContext>(() => POLICY.hotBytes), dialects: CONTEXT_DIALECTS }

  async close(): Promise<void> {
    await this.#store.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** Puts contexts on file in which some messages were said, many at a time; returns some of their ids. */
  async fill(count: number): Promise<readonly string[]> {
    const ids: string[] = []
    for (let made = 0; made < count; made += FILLED_AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(FILLED_AT_ONCE, count - made) }, async (_, n) => {
        const id = newContextId()
        const items = Array.from({ length: FILLED_ITEMS }, (__, turn) => storedItem({ type: 'message', role: turn % 2 === 0 ? 'user' : 'assistant', name: '', parts: [{ type: 'text', text: words(this.#random, 30), cache: null, citations: null }] }))
        await this.#store.create('bench', { id, kind: 'context', ttlMs: POLICY.ttlMs, metadata: '', settings: '', items }, Date.now())
        if (n === 0) ids.push(id)
      }))
    }
    return ids
  }

  /** Makes a context whose messages come to so many bytes; returns its id. */
  async grow(bytes: number): Promise<string> {
    const id = await this.turn('new')
    for (let size = 0; size < bytes;) {
      const text = words(this.#random, 80)
      await this.turn(id, text)
      size += text.length + ANSWER.length
    }
    return id
  }

  /** One turn, from the client's body to the end of its answer. `forget`: this worker has not seen the context. */
  turn(id: string, text = words(this.#random, 30), { forget = false } = {}): Promise<string> {
    const layers = forget ? { ...this.#layers, hot: new HotCache<HotContext>(() => 0) } : this.#layers
    return new Promise((resolve, reject) => {
      const sink = new AnsweredSink(headers => {
        const named = /headrace-context: (\S+)/.exec(headers)?.[1]
        if (named === undefined) reject(new Error(`A turn was not kept: ${headers}`))
        else resolve(named)
      })
      const facts = {
        id, ifMatch: null, tenant: 'bench', relay: CHAT, translating: DIALECTS.translating['openai-chat'], requestId: 'bench', policy: POLICY, longestMs: 60_000,
        body: Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: text }] })),
      }
      new ContextTurn(layers, facts, sink, {
        go: ({ head }, held) => {
          // As the journey does: routed by the head. What is written upstream is not counted.
          const scanned = CHAT.scanRequest(Buffer.from(head, 'latin1'), 'chat', LIMITS, NO_PATH)
          if (!scanned.ok) return reject(new Error(scanned.error.message))
          held.respond(200, '', ANSWER)
        },
        refuse: error => reject(new Error(error.message)),
        left: () => reject(new Error('left')),
      }).start()
    })
  }
}

const ANSWER = Buffer.from(JSON.stringify({
  id: 'chatcmpl-1', object: 'chat.completion', created: 1_700_000_000, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: words(seededRandom(3), 60) }, logprobs: null, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 60, total_tokens: 70 },
}))

/** CPU ms of a turn (median of `rounds`) where each of these contexts has one at the same time. */
export async function turnCpuMs(rig: TurnRig, ids: readonly string[], rounds: number): Promise<number> {
  const costs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    await Promise.all(ids.map(id => rig.turn(id)))
    const { user, system } = process.cpuUsage(before)
    costs.push((user + system) / 1_000 / ids.length)
  }
  return median(costs)
}

/** Ms (median) by which the first turn in a worker that has not seen the context is slower than the next one. */
export async function coldTurnMs(rig: TurnRig, ids: readonly string[]): Promise<number> {
  const time = async (id: string, forget: boolean): Promise<number> => {
    const begin = performance.now()
    await rig.turn(id, undefined, { forget })
    return performance.now() - begin
  }
  const differences: number[] = []
  for (const id of ids) {
    const cold = await time(id, true)
    await time(id, false)
    differences.push(cold - await time(id, false))
  }
  return median(differences)
}

class AnsweredSink implements ClientSink {
  listener: ClientListener | null = null
  readonly closed = false
  readonly #answered: (headers: string) => void

  constructor(answered: (headers: string) => void) {
    this.#answered = answered
  }

  respond(_status: number, headers: string): void {
    this.#answered(headers)
  }

  begin(): void {}
  write(): boolean { return true }
  end(): void {}
  abort(): void {}
}
