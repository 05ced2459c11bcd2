import type { Frame } from '../deliver.ts'
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

interface UsageBody { readonly prompt_tokens: number, readonly completion_tokens: number, readonly total_tokens: number, readonly completion_tokens_details?: { readonly reasoning_tokens: number } }

function usageOf(generation: Generation): UsageBody {
  const completion = generation.choices.reduce((sum, choice) => sum + choiceTokens(choice), 0)
  const thoughts = generation.choices.reduce((sum, choice) => sum + choice.thoughts.length, 0)
  return {
    prompt_tokens: generation.promptTokens, completion_tokens: completion, total_tokens: generation.promptTokens + completion,
    ...(thoughts === 0 ? {} : { completion_tokens_details: { reasoning_tokens: thoughts } }),
  }
}

/** The whole answer as one JSON text. */
export function renderJson(shape: Shape, envelope: Envelope, generation: Generation): string {
  const { id, created, model } = envelope
  const choices = generation.choices.map((choice, index) => shape === 'chat' ? chatChoice(choice, index) : {
    text: choice.pieces.join(''), index, logprobs: null, finish_reason: choice.finish,
  })
  return JSON.stringify({ id, object: shape === 'chat' ? 'chat.completion' : 'text_completion', created, model, choices, usage: usageOf(generation) })
}

/** Thoughts stay with the engine: this dialect only counts them. */
function chatChoice(choice: Choice, index: number): object {
  const message = choice.toolCalls.length === 0
    ? { role: 'assistant', content: choice.pieces.join(''), refusal: null }
    : { role: 'assistant', content: null, refusal: null, tool_calls: choice.toolCalls.map((call) => (
      { id: call.id, type: 'function', function: { name: call.name, arguments: call.argumentPieces.join('') } })) }
  return { index, message, logprobs: null, finish_reason: choice.finish }
}

/** The answer as server-sent events, one token per event, choices in turn; the usage chunk only where the client asked for it. */
export function* renderFrames(shape: Shape, envelope: Envelope, generation: Generation, withUsage: boolean): Generator<Frame> {
  const object = shape === 'chat' ? 'chat.completion.chunk' : 'text_completion'
  const base = { id: envelope.id, object, created: envelope.created, model: envelope.model }
  const frame = (choices: readonly object[], tokens: number, usage: UsageBody | null): Frame => ({
    text: event(withUsage ? { ...base, choices, usage } : { ...base, choices }), tokens, terminator: false,
  })
  const deltas = generation.choices.map((choice) => shape === 'chat' ? chatDeltas(choice) : choice.pieces.map((text) => ({ text })))
  const longest = Math.max(...deltas.map((list) => list.length))
  for (let i = 0; i < longest; i++) {
    for (const [index, list] of deltas.entries()) {
      const delta = list[i]
      if (delta !== undefined) yield frame([shape === 'chat' ? { index, delta, finish_reason: null } : { index, ...delta, finish_reason: null }], isToken(delta) ? 1 : 0, null)
    }
  }
  for (const [index, choice] of generation.choices.entries()) {
    yield frame([shape === 'chat' ? { index, delta: {}, finish_reason: choice.finish } : { index, text: '', finish_reason: choice.finish }], 0, null)
  }
  if (withUsage) yield frame([], 0, usageOf(generation))
  yield { text: 'data: [DONE]\n\n', tokens: 0, terminator: true }
}

interface CallDelta { readonly index: number, readonly id?: string, readonly type?: 'function', readonly function: { readonly name?: string, readonly arguments: string } }
type Delta = { readonly role?: 'assistant', readonly content?: string | null, readonly tool_calls?: readonly [CallDelta], readonly text?: string }

/** A call's beginning names it and carries no token yet. */
const isToken = (delta: Delta): boolean => delta.role === undefined && delta.tool_calls?.[0].id === undefined

function chatDeltas(choice: Choice): readonly Delta[] {
  const calls = choice.toolCalls.flatMap((call, index): Delta[] => [
    { tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] },
    ...call.argumentPieces.map((piece): Delta => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
  ])
  return [{ role: 'assistant', content: calls.length === 0 ? '' : null }, ...choice.pieces.map((content) => ({ content })), ...calls]
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}
