import { randomUUID } from 'node:crypto'
import type { Frame } from '../deliver.ts'
import type { Choice, Generation } from '../engine/generate.ts'
import { choiceTokens } from '../engine/generate.ts'
import type { CachedPrompt } from './cached-prompt.ts'
import { redact, sign } from '../engine/signature.ts'

/** The bodies below are those of version 2026-10-21, and checked against the vendor's own SDK types in `anthropic.test.ts`. */
export type BlockBody =
  | { type: 'text', text: string, citations: null }
  | { type: 'thinking', thinking: string, signature: string }
  | { type: 'redacted_thinking', data: string }
  | { type: 'tool_use', id: string, name: string, input: unknown, caller: { type: 'direct' } }

export interface UsageBody {
  input_tokens: number, output_tokens: number, cache_creation_input_tokens: number, cache_read_input_tokens: number,
  cache_creation: { ephemeral_5m_input_tokens: number, ephemeral_1h_input_tokens: number },
  output_tokens_details: { thinking_tokens: number } | null, server_tool_use: null, service_tier: 'standard', inference_geo: null, speed: null
}

export type StopReason = 'end_turn' | 'max_tokens' | 'stop_sequence' | 'tool_use'

export interface MessageBody {
  id: string, type: 'message', role: 'assistant', model: string, content: BlockBody[], stop_reason: StopReason | null, stop_sequence: string | null, stop_details: null,
  container: null, diagnostics: null, usage: UsageBody
}

type DeltaBody =
  | { type: 'text_delta', text: string } | { type: 'thinking_delta', thinking: string } | { type: 'signature_delta', signature: string } | { type: 'input_json_delta', partial_json: string }

export type EventBody =
  | { type: 'message_start', message: MessageBody }
  | { type: 'content_block_start', index: number, content_block: BlockBody }
  | { type: 'content_block_delta', index: number, delta: DeltaBody }
  | { type: 'content_block_stop', index: number }
  | {
    type: 'message_delta', delta: { stop_reason: StopReason, stop_sequence: string | null, stop_details: null, container: null },
    usage: Pick<UsageBody, 'input_tokens' | 'output_tokens' | 'cache_creation_input_tokens' | 'cache_read_input_tokens' | 'output_tokens_details' | 'server_tool_use'>
  }
  | { type: 'message_stop' }

/**
 * Version 2023-06-01 has no members that say nothing: `citations` is there where a text has some, `caller` where a tool was called by another one.
 */
const asOlder = (name: string, value: unknown): unknown => name === 'caller' || (name === 'citations' && value === null) ? undefined : value

/** JSON text of a body, for the version that the request names. */
export const bodyText = (body: object, older: boolean): string => older ? JSON.stringify(body, asOlder) : JSON.stringify(body)

/** How thoughts are shown: told, kept back behind a signature, or sealed. */
export type ThoughtDisplay = 'summarized' | 'omitted' | 'redacted'

/** The whole answer. */
export function renderMessage(model: string, generation: Generation, cached: CachedPrompt, display: ThoughtDisplay): MessageBody {
  const choice = onlyChoice(generation)
  return { ...emptyMessage(model, generation, cached), content: [...blocks(choice, display)].map(({ block }) => block), ...ending(choice), usage: usageOf(generation, cached, choiceTokens(choice)) }
}

/** The answer as server-sent events, one token per event. The first block is followed by a ping, as the vendor's own are. */
export function* renderFrames(model: string, generation: Generation, cached: CachedPrompt, display: ThoughtDisplay, older: boolean): Generator<Frame> {
  const frame = (body: EventBody, tokens: number): Frame => ({ text: `event: ${body.type}\ndata: ${bodyText(body, older)}\n\n`, tokens, terminator: false })
  const choice = onlyChoice(generation)
  yield frame({ type: 'message_start', message: emptyMessage(model, generation, cached) }, 0)
  let index = 0
  for (const { opening, deltas } of blocks(choice, display)) {
    yield frame({ type: 'content_block_start', index, content_block: opening }, 0)
    if (index === 0) yield { text: 'event: ping\ndata: {"type": "ping"}\n\n', tokens: 0, terminator: false }
    for (const { delta, tokens } of deltas) yield frame({ type: 'content_block_delta', index, delta }, tokens)
    yield frame({ type: 'content_block_stop', index }, 0)
    index += 1
  }
  const { input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens_details, server_tool_use } = usageOf(generation, cached, choiceTokens(choice))
  yield frame({
    type: 'message_delta', delta: { ...ending(choice), container: null },
    usage: { input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens_details, server_tool_use },
  }, 0)
  yield { ...frame({ type: 'message_stop' }, 0), terminator: true }
}

interface RenderedBlock { readonly block: BlockBody, readonly opening: BlockBody, readonly deltas: readonly { readonly delta: DeltaBody, readonly tokens: number }[] }

function* blocks(choice: Choice, display: ThoughtDisplay): Generator<RenderedBlock> {
  if (choice.thoughts.length > 0) yield thoughtBlock(choice.thoughts, display)
  const text = choice.pieces.join('')
  if (text !== '') {
    yield {
      block: { type: 'text', text, citations: null }, opening: { type: 'text', text: '', citations: null },
      deltas: choice.pieces.map((piece) => ({ delta: { type: 'text_delta', text: piece }, tokens: 1 })),
    }
  }
  for (const call of choice.toolCalls) {
    const head = { type: 'tool_use' as const, id: call.id.replace('call_', 'toolu_'), name: call.name, caller: { type: 'direct' as const } }
    yield {
      block: { ...head, input: JSON.parse(call.argumentPieces.join('')) as unknown }, opening: { ...head, input: {} },
      deltas: ['', ...call.argumentPieces].map((piece, at) => ({ delta: { type: 'input_json_delta', partial_json: piece }, tokens: at === 0 ? 0 : 1 })),
    }
  }
}

function thoughtBlock(thoughts: readonly string[], display: ThoughtDisplay): RenderedBlock {
  if (display === 'redacted') {
    const block: BlockBody = { type: 'redacted_thinking', data: redact(thoughts.join('')) }
    return { block, opening: block, deltas: [] }
  }
  const shown = display === 'omitted' ? [] : thoughts
  const thinking = shown.join('')
  return {
    block: { type: 'thinking', thinking, signature: sign(thinking) }, opening: { type: 'thinking', thinking: '', signature: '' },
    deltas: [...shown.map((piece) => ({ delta: { type: 'thinking_delta' as const, thinking: piece }, tokens: 1 })), { delta: { type: 'signature_delta', signature: sign(thinking) }, tokens: 0 }],
  }
}

function emptyMessage(model: string, generation: Generation, cached: CachedPrompt): MessageBody {
  return {
    id: `msg_${randomUUID().replaceAll('-', '')}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, stop_details: null,
    container: null, diagnostics: null, usage: usageOf(generation, cached, 1),
  }
}

function usageOf(generation: Generation, { read, written, ttl }: CachedPrompt, outputTokens: number): UsageBody {
  const thinking = onlyChoice(generation).thoughts.length
  return {
    input_tokens: generation.promptTokens - read - written, output_tokens: outputTokens, cache_creation_input_tokens: written, cache_read_input_tokens: read,
    cache_creation: { ephemeral_5m_input_tokens: ttl === '5m' ? written : 0, ephemeral_1h_input_tokens: ttl === '1h' ? written : 0 },
    output_tokens_details: thinking === 0 ? null : { thinking_tokens: thinking }, server_tool_use: null, service_tier: 'standard', inference_geo: null, speed: null,
  }
}

function ending(choice: Choice): { stop_reason: StopReason, stop_sequence: string | null, stop_details: null } {
  const reason = choice.stop !== '' ? 'stop_sequence' : ({ stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' } as const)[choice.finish]
  return { stop_reason: reason, stop_sequence: choice.stop === '' ? null : choice.stop, stop_details: null }
}

function onlyChoice(generation: Generation): Choice {
  const [choice] = generation.choices
  if (choice === undefined) throw new Error('An answer of this dialect has one choice.')
  return choice
}
