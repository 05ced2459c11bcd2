import { JsonView } from '@headrace/bytes'
import { gatewayError, type FinishReason, type GatewayError } from '@headrace/contract'
import type { AnswerParser, Emit } from '../neutral/answer-reader.ts'
import { TextTemplate } from '../neutral/text-template.ts'
import { classifyStreamError } from '../relay/classify-response.ts'
import { asObject, asText, parseJson } from '../relay/json-value.ts'
import { neutralUsage, NOTHING, readFirstUsage, readUsage, type AnthropicUsage } from './read-usage.ts'

type JsonObject = Readonly<Record<string, unknown>>

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['end_turn', 'stop'], ['stop_sequence', 'stop-sequence'], ['max_tokens', 'length'], ['tool_use', 'tool-calls'], ['refusal', 'refusal'], ['pause_turn', 'pause'],
  ['model_context_window_exceeded', 'context-window'],
])

const protocol = (message: string): GatewayError => gatewayError('upstream-protocol', message, { upstreamStatus: 200 })

/** A content block that has begun. */
interface Block { readonly kind: string, signature: string, input: string, told: boolean }

/** Reads Messages answers. */
export class MessageAnswerParser implements AnswerParser {
  state: 'open' | 'finished' | 'done' = 'open'
  #usage: AnthropicUsage = NOTHING
  readonly #blocks = new Map<number, Block>()
  readonly #template = new TextTemplate()
  /** The block that the learned events belong to. */
  #templateItem = 0

  event(data: string, emit: Emit): void {
    const text = this.#template.match(data)
    if (text !== null) return emit({ type: 'text-delta', choice: 0, item: this.#templateItem, text })
    this.#parse(data, emit)
  }

  #parse(data: string, emit: Emit): void {
    const value = asObject(parseJson(data))
    if (value === null) return emit({ type: 'error', error: protocol('The provider sent an event that is not a JSON object.') })
    const item = typeof value['index'] === 'number' ? value['index'] : 0
    switch (value['type']) {
      case 'message_start': {
        const message = asObject(value['message']) ?? {}
        return this.#start(message, readFirstUsage(message['usage']), emit)
      }
      case 'content_block_start': return this.#beginBlock(item, asObject(value['content_block']) ?? {}, emit)
      case 'content_block_delta': {
        const delta = asObject(value['delta']) ?? {}
        if (delta['type'] === 'text_delta' && asText(delta['text']) !== '') {
          this.#templateItem = item
          this.#template.learn(data, 'text', asText(delta['text']))
        }
        return this.#delta(item, delta, emit)
      }
      case 'content_block_stop': return this.#endBlock(item, emit)
      case 'message_delta': {
        const delta = asObject(value['delta']) ?? {}
        this.#usage = readUsage(value['usage'], this.#usage)
        emit({ type: 'usage', usage: neutralUsage(this.#usage) })
        return this.#finish(asText(delta['stop_reason']), asText(delta['stop_sequence']), emit)
      }
      case 'message_stop':
        if (this.state === 'finished') this.state = 'done'
        else emit({ type: 'error', error: gatewayError('upstream-truncated', 'The provider ended the stream before it gave a stop reason.', { upstreamStatus: 200 }) })
        return
      case 'error': return emit({ type: 'error', error: classifyStreamError(value) })
      default: if (asObject(value['error']) !== null) emit({ type: 'error', error: classifyStreamError(value) })
    }
  }

  answer(value: unknown, text: string, emit: Emit): void {
    const message = asObject(value) ?? {}
    const content = message['content']
    if (!Array.isArray(content)) return emit({ type: 'error', error: protocol('The provider\'s answer has no content.') })
    this.#start(message, readUsage(message['usage']), emit)
    let views: readonly JsonView[] | null = null
    for (const [item, element] of content.entries()) {
      this.#beginBlock(item, asObject(element) ?? {}, emit)
      const begun = this.#blocks.get(item)
      if (begun?.kind === 'tool_use') {
        // Key order and number lexemes of a tool's input are kept.
        views ??= JsonView.parse(text)?.get('content').elements() ?? []
        begun.input = views[item]?.get('input').raw ?? ''
      }
      this.#endBlock(item, emit)
    }
    this.#finish(asText(message['stop_reason']), asText(message['stop_sequence']), emit)
  }

  #start(message: JsonObject, usage: AnthropicUsage, emit: Emit): void {
    emit({ type: 'start', id: asText(message['id']), model: asText(message['model']), created: 0 })
    this.#usage = usage
    emit({ type: 'usage', usage: neutralUsage(usage) })
  }

  #finish(raw: string, sequence: string, emit: Emit): void {
    if (raw === '') return
    this.state = 'finished'
    emit({ type: 'finish', choice: 0, reason: FINISH_REASONS.get(raw) ?? 'other', raw, sequence })
  }

  /** A block may begin with some of its content. Kinds that only this dialect has are passed over. */
  #beginBlock(item: number, block: JsonObject, emit: Emit): void {
    const kind = asText(block['type'])
    const input = asObject(block['input'])
    this.#blocks.set(item, { kind, signature: asText(block['signature']), input: input === null || Object.keys(input).length === 0 ? '' : JSON.stringify(input), told: false })
    if (kind === 'tool_use') emit({ type: 'tool-start', choice: 0, item, id: asText(block['id']), name: asText(block['name']) })
    else if (kind === 'redacted_thinking') emit({ type: 'reasoning-opaque', choice: 0, item, dialect: 'anthropic-messages', kind: 'redacted', data: asText(block['data']) })
    else if (kind === 'text' && asText(block['text']) !== '') emit({ type: 'text-delta', choice: 0, item, text: asText(block['text']) })
    else if (kind === 'thinking' && asText(block['thinking']) !== '') emit({ type: 'reasoning-delta', choice: 0, item, text: asText(block['thinking']) })
    const citations = block['citations']
    if (Array.isArray(citations)) for (const value of citations) emit({ type: 'citation', choice: 0, item, dialect: 'anthropic-messages', value })
  }

  #delta(item: number, delta: JsonObject, emit: Emit): void {
    const block = this.#blocks.get(item)
    switch (delta['type']) {
      case 'text_delta': return emit({ type: 'text-delta', choice: 0, item, text: asText(delta['text']) })
      case 'thinking_delta': return emit({ type: 'reasoning-delta', choice: 0, item, text: asText(delta['thinking']) })
      case 'citations_delta': return emit({ type: 'citation', choice: 0, item, dialect: 'anthropic-messages', value: delta['citation'] })
      case 'signature_delta':
        if (block !== undefined) block.signature += asText(delta['signature'])
        return
      case 'input_json_delta': {
        const text = asText(delta['partial_json'])
        if (text === '' || block?.kind !== 'tool_use') return
        block.told = true
        return emit({ type: 'tool-delta', choice: 0, item, text })
      }
      default:
    }
  }

  #endBlock(item: number, emit: Emit): void {
    const block = this.#blocks.get(item)
    if (block === undefined) return
    if (block.signature !== '') emit({ type: 'reasoning-opaque', choice: 0, item, dialect: 'anthropic-messages', kind: 'signature', data: block.signature })
    // A call without arguments streams none.
    if (block.kind === 'tool_use' && !block.told) emit({ type: 'tool-delta', choice: 0, item, text: block.input === '' ? '{}' : block.input })
    emit({ type: 'item-end', choice: 0, item })
  }
}
