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

interface UsageBody { readonly prompt_tokens: number, readonly completion_tokens: number, readonly total_tokens: number }

function usageOf(generation: Generation): UsageBody {
  const completion = generation.choices.reduce((sum, choice) => sum + choiceTokens(choice), 0)
  return { prompt_tokens: generation.promptTokens, completion_tokens: completion, total_tokens: generation.promptTokens + completion }
}

/** The whole answer as one JSON text. */
export function renderJson(shape: Shape, envelope: Envelope, generation: Generation): string {
  const { id, created, model } = envelope
  const choices = generation.choices.map((choice, index) => shape === 'chat' ? chatChoice(choice, index) : {
    text: choice.pieces.join(''), index, logprobs: null, finish_reason: choice.finish,
  })
  return JSON.stringify({ id, object: shape === 'chat' ? 'chat.completion' : 'text_completion', created, model, choices, usage: usageOf(generation) })
}

function chatChoice(choice: Choice, index: number): object {
  const { toolCall } = choice
  const message = toolCall === null
    ? { role: 'assistant', content: choice.pieces.join(''), refusal: null }
    : { role: 'assistant', content: null, refusal: null, tool_calls: [{ id: toolCall.id, type: 'function', function: { name: toolCall.name, arguments: toolCall.argumentPieces.join('') } }] }
  return { index, message, logprobs: null, finish_reason: choice.finish }
}

/** The answer as server-sent events, one token per event, choices in turn; the usage chunk only where the client asked for it. */
export function* renderFrames(shape: Shape, envelope: Envelope, generation: Generation, withUsage: boolean): Generator<Frame> {
  const object = shape === 'chat' ? 'chat.completion.chunk' : 'text_completion'
  const base = { id: envelope.id, object, created: envelope.created, model: envelope.model }
  const frame = (choices: readonly object[], tokens: number, usage: UsageBody | null): Frame => ({
    text: event(withUsage ? { ...base, choices, usage } : { ...base, choices }), tokens, terminator: false,
  })
  const longest = Math.max(...generation.choices.map(choiceTokens))
  if (shape === 'chat') {
    for (const [index, choice] of generation.choices.entries()) yield frame([{ index, delta: opening(choice), finish_reason: null }], 0, null)
  }
  for (let i = 0; i < longest; i++) {
    for (const [index, choice] of generation.choices.entries()) {
      const piece = (choice.toolCall?.argumentPieces ?? choice.pieces)[i]
      if (piece === undefined) continue
      yield frame([shape === 'chat' ? { index, delta: delta(choice, piece), finish_reason: null } : { index, text: piece, finish_reason: null }], 1, null)
    }
  }
  for (const [index, choice] of generation.choices.entries()) {
    yield frame([shape === 'chat' ? { index, delta: {}, finish_reason: choice.finish } : { index, text: '', finish_reason: choice.finish }], 0, null)
  }
  if (withUsage) yield frame([], 0, usageOf(generation))
  yield { text: 'data: [DONE]\n\n', tokens: 0, terminator: true }
}

function opening(choice: Choice): object {
  if (choice.toolCall === null) return { role: 'assistant', content: '' }
  const { id, name } = choice.toolCall
  return { role: 'assistant', content: null, tool_calls: [{ index: 0, id, type: 'function', function: { name, arguments: '' } }] }
}

function delta(choice: Choice, piece: string): object {
  return choice.toolCall === null ? { content: piece } : { tool_calls: [{ index: 0, function: { arguments: piece } }] }
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}
