import { DialectClient, type Answered, type Question } from '../dialect-client.ts'
import type { ClientWire } from '../dialect-judge.ts'
import { pause } from '../scripted-upstream.ts'
import type { SeededChance } from './seeded-chance.ts'
import { MODELS, TENANTS } from './soak-world.ts'

const WIRES = ['openai-chat', 'openai-responses', 'anthropic-messages', 'google-gemini'] as const satisfies readonly ClientWire[]
const WORDS = ['river', 'stone', 'water', 'mill', 'wheel', 'race', 'über', 'naïve', '水', 'log', 'gate', 'weir'] as const

/** One answer, as far as it is judged later. */
export interface Heard {
  readonly tenant: string
  readonly question: Question
  readonly ending: Answered['ending'] | 'left'
  readonly status: number
  readonly why: string
  readonly tokens: number
  readonly requestId: string
  readonly sentAt: number
  readonly endedAt: number
  /** The bytes, of one that is to be looked at by people. */
  readonly raw: string
}

/** Clients of two tenants that ask on every wire, in every form, and now and then leave in the middle. Each request has a canary of its own. */
export class SoakClients {
  readonly #clients: readonly { readonly tenant: string, readonly client: DialectClient }[]
  readonly #chance: SeededChance
  readonly heard: Heard[] = []
  /** What never may be: someone else's words, or one's own that are not whole. */
  readonly wrongs: string[] = []
  /** Streams that another target went on with. */
  rescued = 0
  #asked = 0
  #stopping = false
  #running: Promise<unknown> = Promise.resolve()

  constructor(port: () => number, chance: SeededChance) {
    this.#clients = TENANTS.map(({ tenant, key }) => ({ tenant, client: new DialectClient(port, key) }))
    this.#chance = chance
  }

  /** So many at the same time, each with a short rest between its requests. */
  start(count: number): void {
    this.#stopping = false
    this.#running = Promise.all(Array.from({ length: count }, async () => {
      while (!this.#stopping) {
        await this.#once()
        await pause(this.#chance.between(0, 200))
      }
    }))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  /** One question more, of one tenant. */
  ask(tenant: string, question: Question): Promise<Answered> {
    const found = this.#clients.find(one => one.tenant === tenant)
    if (found === undefined) throw new Error(`no tenant ${tenant}`)
    return found.client.ask(question)
  }

  close(): void {
    for (const { client } of this.#clients) client.close()
  }

  async #once(): Promise<void> {
    const chance = this.#chance
    // Each word once: what is doubled or lost at a seam shows.
    const { tenant, client } = chance.pick(this.#clients)
    const canary = `canary-${tenant}-${String(this.#asked++).padStart(7, '0')}`
    const prompt = [canary, ...Array.from({ length: chance.between(3, 40) }, (_, place) => `${chance.pick(WORDS)}${place}`), canary].join(' ')
    const question: Question = { wire: chance.pick(WIRES), model: chance.pick(MODELS), prompt, stream: chance.percent(60), tool: chance.percent(20) }
    const leaving = chance.percent(15) ? new AbortController() : null
    const timer = leaving === null ? null : setTimeout(() => leaving.abort(), chance.between(1, 250))
    const answer = await client.ask(question, leaving?.signal)
    if (timer !== null) clearTimeout(timer)
    this.#hear(tenant, canary, question, answer, leaving?.signal.aborted === true)
  }

  #hear(tenant: string, canary: string, question: Question, answer: Answered, left: boolean): void {
    const { ending, status, why, tokens, sentAt, endedAt, raw, headers, text } = answer
    const told = `${question.wire} ${question.model}${question.stream ? ' stream' : ''}${question.tool === true ? ' tool' : ''}`
    for (const [found] of (raw + JSON.stringify(headers)).matchAll(/canary-\w+-\d{7}/g)) if (found !== canary) this.wrongs.push(`${found} in the answer to ${canary} (${told})`)
    if (ending === 'wrong' && !left) this.wrongs.push(`${told}: ${why}: ${raw.slice(-1_000)}`)
    if (ending === 'whole' && text !== question.prompt) this.wrongs.push(`${told}: not what was asked for: ${JSON.stringify(text)} for ${JSON.stringify(question.prompt)}`)
    if (raw.includes('\n: headrace-rescue ')) this.rescued++
    const requestId = headers['x-request-id'] ?? headers['request-id'] ?? ''
    this.heard.push({
      tenant, question, ending: left && ending !== 'whole' ? 'left' : ending, status, why, tokens, requestId: String(requestId), sentAt, endedAt, raw: ending === 'whole' || left ? '' : raw.slice(-500),
    })
  }
}
