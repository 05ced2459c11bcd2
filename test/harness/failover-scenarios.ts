import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { API_KEY } from './start-headrace.ts'

/**
 * The sixteen scenarios of the public fail-over benchmark (failoverbench, methodology v0.1), over real sockets: an engine that misbehaves as its model's name
 * says, one fallback, and the vendors' SDKs. S15, an outage that ends, is `OUTAGE`.
 */
export const ENGINE = 'lorem:seed=7,tokens=60'

export interface Scenario {
  readonly id: string
  readonly primary: string
  /** Calls that the primary may see. */
  readonly attempts: readonly [least: number, most: number]
  /** Default: the same engine in good health. */
  readonly fallback?: string
  /** Who answered in the end; `refused`: the provider's refusal is handed on. */
  readonly serves: 'primary' | 'fallback' | 'either' | 'refused'
}

export const SCENARIOS: readonly (Scenario & { readonly does: string })[] = [
  { id: 'S01', does: '429 with Retry-After once', primary: 'status=429,retry_after=2,times=1', attempts: [1, 2], serves: 'either' },
  { id: 'S02', does: '429 always, no header', primary: 'status=429', attempts: [1, 4], serves: 'fallback' },
  { id: 'S03', does: '500 once', primary: 'status=500,times=1', attempts: [2, 2], serves: 'primary' },
  { id: 'S04', does: '503 always', primary: 'status=503', attempts: [1, 4], serves: 'fallback' },
  { id: 'S05', does: 'a reset before the head, once', primary: 'reset=before-head,times=1', attempts: [1, 2], serves: 'either' },
  { id: 'S06', does: 'it accepts and never answers', primary: 'hang=accept', attempts: [1, 1], serves: 'fallback' },
  { id: 'S07', does: 'the head at once, the first token far too late', primary: 'first_token=20s', attempts: [1, 1], serves: 'fallback' },
  { id: 'S08', does: 'the stream dies after 40 of 60 tokens', primary: 'cut,after=40', attempts: [1, 2], serves: 'either' },
  { id: 'S09', does: 'the stream goes silent after 20 tokens', primary: 'stall=30s,after=20', attempts: [1, 1], serves: 'either' },
  { id: 'S10', does: 'the tenth event is not JSON', primary: 'bad_json=10', attempts: [1, 2], serves: 'either' },
  { id: 'S11', does: 'no terminator', primary: 'no_done', attempts: [1, 1], serves: 'primary' },
  { id: 'S12', does: 'the conversation is too long for it', primary: 'context_length', attempts: [1, 1], serves: 'fallback' },
  { id: 'S13', does: 'a content policy refuses', primary: 'content_policy', attempts: [1, 1], serves: 'refused' },
  { id: 'S14', does: 'S08, and the fallback refuses a conversation that ends with the assistant', primary: 'cut,after=40', attempts: [1, 2], fallback: 'no_prefill', serves: 'either' },
  { id: 'S16', does: '503 always, and the answer names its model', primary: 'status=503', attempts: [1, 4], serves: 'fallback' },
]

export interface Answer { readonly text: string, readonly finish: string | null, readonly outputTokens: number, readonly model: string }

export const WIRES = [
  {
    wire: 'Chat Completions', dialect: 'openai-chat', finish: 'stop', refusal: OpenAI.BadRequestError, ask: async (url: string, model: string): Promise<Answer> => {
      const answer = { text: '', finish: null as string | null, outputTokens: 0, model: '' }
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: API_KEY, maxRetries: 0 })
      for await (const event of await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }], stream: true, stream_options: { include_usage: true } })) {
        answer.text += event.choices[0]?.delta.content ?? ''
        answer.finish = event.choices[0]?.finish_reason ?? answer.finish
        answer.outputTokens = event.usage?.completion_tokens ?? answer.outputTokens
        answer.model = event.model
      }
      return answer
    },
  },
  {
    wire: 'Responses', dialect: 'openai-responses', finish: 'completed', refusal: OpenAI.BadRequestError, ask: async (url: string, model: string): Promise<Answer> => {
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: API_KEY, maxRetries: 0 })
      const answer = await client.responses.stream({ model, input: 'hello', store: false }).finalResponse()
      return { text: answer.output_text, finish: answer.status ?? null, outputTokens: answer.usage?.output_tokens ?? 0, model: answer.model }
    },
  },
  {
    wire: 'Messages', dialect: 'anthropic-messages', finish: 'end_turn', refusal: Anthropic.BadRequestError, ask: async (url: string, model: string): Promise<Answer> => {
      const client = new Anthropic({ baseURL: url, apiKey: API_KEY, maxRetries: 0 })
      const message = await client.messages.stream({ model, max_tokens: 500, messages: [{ role: 'user', content: 'hello' }] }).finalMessage()
      return { text: message.content.map(part => part.type === 'text' ? part.text : '').join(''), finish: message.stop_reason, outputTokens: message.usage.output_tokens, model: message.model }
    },
  },
] as const

export const OUTAGE = { id: 'S15', primary: 'status=503,for=2s' }

/** Names of the engine's models, which say how it behaves; calls are counted by them. `run` keeps several runs at one engine apart. */
export const primaryOf = ({ id, primary }: Pick<Scenario, 'id' | 'primary'>, dialect: string, run: string): string => `${ENGINE},${primary},id=${run}-${id}-${dialect}`
export const fallbackOf = ({ id, fallback }: Pick<Scenario, 'id' | 'fallback'>, dialect: string, run: string): string =>
  `${ENGINE}${fallback === undefined ? '' : `,${fallback}`},id=${run}-${id}-fallback-${dialect}`

/** `providers` and `models` for all scenarios on all wires, each model called `ID-DIALECT`. */
export function scenarioConfig(url: string, run: string, provider: object, rescue?: string): { readonly providers: object, readonly models: object } {
  const providers = Object.fromEntries(WIRES.map(({ dialect }) => [dialect, { base_url: `${url}/v1`, dialect, credentials: ['sk-sandbox-0123456789abcdef'], ...provider }]))
  const models = Object.fromEntries(WIRES.flatMap(({ dialect }) => [...SCENARIOS, OUTAGE].map(scenario => [
    `${scenario.id}-${dialect}`, { targets: [primaryOf(scenario, dialect, run), fallbackOf(scenario, dialect, run)].map(model => `${dialect}/${model}`), ...(rescue === undefined ? {} : { rescue }) },
  ])))
  return { providers, models }
}

/**
 * The benchmark's verdict on one answer: `pass` = whole, or the refusal that is due; `safe` = an error that says that it is one;
 * `fail` = a part of an answer that looks like a whole one.
 */
export async function verdictOf(asked: Promise<Answer>, { serves }: Pick<Scenario, 'serves'>, whole: string): Promise<'pass' | 'safe' | 'fail'> {
  try {
    const answer = await asked
    return serves !== 'refused' && answer.text === whole && answer.outputTokens > 0 ? 'pass' : 'fail'
  } catch (error) {
    if (error instanceof OpenAI.APIError || error instanceof Anthropic.APIError) return serves === 'refused' ? 'pass' : 'safe'
    throw error
  }
}
