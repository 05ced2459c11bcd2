import type { Frame } from '../deliver.ts'
import { likeliest, logProbability } from '../engine/log-probability.ts'
import { choiceTokens, type Choice, type Generation } from '../engine/generate.ts'

/** What is the same in every chunk of one answer. */
export interface Envelope {
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  readonly model: string
}

/** Chat or legacy completion: they differ in object names and in where the text lies. */
export type Shape = 'chat' | 'completion'

export interface UsageBody {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details?: { readonly cached_tokens: number }
  readonly completion_tokens_details?: { readonly reasoning_tokens: number }
}

/** `cached`: tokens of the prompt that were seen before; null = too few to speak of. */
export function usageOf(generation: Generation, cached: number | null): UsageBody {
  const completion = generation.choices.reduce((sum, choice) => sum + choiceTokens(choice), 0)
  const thoughts = generation.choices.reduce((sum, choice) => sum + choice.thoughts.length, 0)
  return {
    prompt_tokens: generation.promptTokens, completion_tokens: completion, total_tokens: generation.promptTokens + completion,
    ...(cached === null ? {} : { prompt_tokens_details: { cached_tokens: cached } }),
    ...(thoughts === 0 ? {} : { completion_tokens_details: { reasoning_tokens: thoughts } }),
  }
}

/** The whole answer as one JSON text. */
export function renderJson(shape: Shape, envelope: Envelope, generation: Generation, usage: UsageBody): string {
  return JSON.stringify(shape === 'chat' ? chatCompletion(envelope, generation, usage) : {
    ...envelope, object: 'text_completion', usage,
    choices: generation.choices.map((choice, index) => ({ text: choice.pieces.join(''), index, logprobs: null, finish_reason: choice.finish })),
  })
}

/** Checked against the vendor's own SDK types in `chat.test.ts`, as `chatChunk` is. */
export function chatCompletion(envelope: Envelope, generation: Generation, usage: UsageBody) {
  const choices = generation.choices.map((choice, index) => ({
    index, message: chatMessage(choice), logprobs: logprobsOf(choice.pieces, generation), finish_reason: choice.finish,
  }))
  return { ...envelope, object: 'chat.completion' as const, choices, usage }
}

/** Thoughts stay with the engine: this dialect only counts them. */
function chatMessage(choice: Choice) {
  const head = { role: 'assistant' as const, refusal: null }
  if (choice.toolCalls.length === 0) return { ...head, content: choice.pieces.join('') }
  return { ...head, content: null, tool_calls: choice.toolCalls.map((call) => (
    { id: call.id, type: 'function' as const, function: { name: call.name, arguments: call.argumentPieces.join('') } })) }
}

interface ChunkChoice { index: number, delta: Delta, logprobs?: Logprobs | null, finish_reason: Choice['finish'] | null }

export interface Logprobs { content: { token: string, logprob: number, bytes: number[], top_logprobs: { token: string, logprob: number, bytes: number[] }[] }[], refusal: null }

/** Null = nobody asked for them, or there is no text. */
export function logprobsOf(tokens: readonly string[], { topLogprobs }: Generation): Logprobs | null {
  if (topLogprobs === null || tokens.length === 0) return null
  return { refusal: null, content: tokens.map((token) => ({
    ...told(token, logProbability(token)), top_logprobs: likeliest(token, topLogprobs).map((other) => told(other.token, other.logprob)),
  })) }
}

const told = (token: string, logprob: number): { token: string, logprob: number, bytes: number[] } => ({ token, logprob, bytes: [...Buffer.from(token)] })

/** `usage`: undefined = nobody asked for it. */
export function chatChunk(envelope: Envelope, choices: ChunkChoice[], usage: UsageBody | null | undefined) {
  const chunk = { ...envelope, object: 'chat.completion.chunk' as const, choices }
  return usage === undefined ? chunk : { ...chunk, usage }
}

/** The answer as server-sent events, one token per event, choices in turn; the usage chunk only where the client asked for it. */
export function* renderFrames(shape: Shape, envelope: Envelope, generation: Generation, usage: UsageBody, withUsage: boolean): Generator<Frame> {
  const frame = (choices: ChunkChoice[], tokens: number, final: UsageBody | null): Frame => {
    const told = withUsage ? final : undefined
    return { text: event(shape === 'chat' ? chatChunk(envelope, choices, told) : textChunk(envelope, choices, told)), tokens, terminator: false }
  }
  const deltas = generation.choices.map((choice) => shape === 'chat' ? chatDeltas(choice) : choice.pieces.map((content): Delta => ({ content })))
  const longest = Math.max(...deltas.map((list) => list.length))
  for (let i = 0; i < longest; i++) {
    for (const [index, list] of deltas.entries()) {
      const delta = list[i]
      if (delta === undefined) continue
      const logprobs = delta.role === undefined && delta.content != null ? logprobsOf([delta.content], generation) : null
      yield frame([{ index, delta, ...(logprobs === null ? {} : { logprobs }), finish_reason: null }], isToken(delta) ? 1 : 0, null)
    }
  }
  for (const [index, choice] of generation.choices.entries()) yield frame([{ index, delta: {}, finish_reason: choice.finish }], 0, null)
  if (withUsage) yield frame([], 0, usage)
  yield { text: 'data: [DONE]\n\n', tokens: 0, terminator: true }
}

function textChunk(envelope: Envelope, choices: readonly ChunkChoice[], usage: UsageBody | null | undefined): object {
  const texts = choices.map(({ index, delta, finish_reason }) => ({ index, text: delta.content ?? '', finish_reason }))
  return { ...envelope, object: 'text_completion', choices: texts, ...(usage === undefined ? {} : { usage }) }
}

interface CallDelta { index: number, id?: string, type?: 'function', function: { name?: string, arguments: string } }
interface Delta { role?: 'assistant', content?: string | null, tool_calls?: CallDelta[] }

/** A call's beginning names it and carries no token yet. */
const isToken = (delta: Delta): boolean => delta.role === undefined && delta.tool_calls?.[0]?.id === undefined

function chatDeltas(choice: Choice): readonly Delta[] {
  const calls = choice.toolCalls.flatMap((call, index): Delta[] => [
    { tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] },
    ...call.argumentPieces.map((piece): Delta => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
  ])
  return [{ role: 'assistant', content: calls.length === 0 ? '' : null }, ...choice.pieces.map((content): Delta => ({ content })), ...calls]
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}
