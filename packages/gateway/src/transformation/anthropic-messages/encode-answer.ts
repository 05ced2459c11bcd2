import { RawJson, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { UNKNOWN_USAGE, type AnswerEncoder, type AnswerFacts, type FinishReason, type StreamEvent, type Usage } from '@headrace/contract'
import { AnswerFold, type FoldedItem } from '../neutral/answer-fold.ts'
import { tagOpaque } from '../neutral/opaque-tag.ts'
import { objectText } from './encode-items.ts'
import { anthropicUsage } from './read-usage.ts'

const STOP_REASONS = Object.freeze({
  'stop': 'end_turn', 'stop-sequence': 'stop_sequence', 'length': 'max_tokens', 'tool-calls': 'tool_use', 'content-filter': 'refusal', 'refusal': 'refusal',
  'pause': 'pause_turn', 'context-window': 'model_context_window_exceeded', 'other': 'end_turn',
} as const satisfies Record<FinishReason, string>)

/** Some servers end a turn of calls, or a refusal, with a plain stop. */
function stopReason(reason: FinishReason, calls: boolean, refused: boolean): string {
  if (reason !== 'stop') return STOP_REASONS[reason]
  return calls ? 'tool_use' : refused ? 'refusal' : 'end_turn'
}

/** A whole message. */
export class MessageJsonEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  readonly #fold = new AnswerFold()

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  event(event: StreamEvent): string {
    // What only another dialect's clients understand is not told to this one's.
    if (event.type !== 'citation' || event.dialect === 'anthropic-messages') this.#fold.add(event)
    if (event.type !== 'end') return ''
    const fold = this.#fold
    const choice = fold.choice(0)
    const items = [...choice.items].sort(([one], [other]) => one - other).map(([, item]) => item)
    const finish = choice.finish
    const reason = stopReason(finish?.reason ?? 'stop', items.some(item => item.kind === 'tool'), items.some(item => item.kind === 'refusal'))
    return utf8AsLatin1(writeJson({
      id: fold.id || this.#facts.requestId, type: 'message', role: 'assistant', model: fold.model || this.#facts.model,
      content: items.map(encodeItem), stop_reason: reason, stop_sequence: finish === null || finish.sequence === '' ? null : finish.sequence,
      usage: anthropicUsage(fold.usage),
    }))
  }
}

function encodeItem(item: FoldedItem): Writable {
  switch (item.kind) {
    case 'text': return { type: 'text', text: item.text, citations: item.citations.length === 0 ? undefined : new RawJson(JSON.stringify(item.citations)) }
    case 'refusal': return { type: 'text', text: item.text }
    case 'tool': return { type: 'tool_use', id: item.id, name: item.name, input: new RawJson(objectText(item.text)) }
    case 'reasoning': return item.redacted === '' ? { type: 'thinking', thinking: item.text, signature: opaqueOf(item, 'signature') } : { type: 'redacted_thinking', data: opaqueOf(item, 'redacted') }
  }
}

const opaqueOf = (item: FoldedItem, kind: 'signature' | 'redacted'): string => item.origin === null ? item[kind] : tagOpaque('anthropic-messages', { dialect: item.origin, kind, data: item[kind] })

const frame = (name: string, data: Writable): string => utf8AsLatin1(`event: ${name}\ndata: ${writeJson(data)}\n\n`)

const TEXT_TAIL = '}}\n\n'

/** The events of a Messages stream. One block is open at a time; a late piece of one that is closed still names it. */
export class MessageStreamEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  /** Block index by item. */
  readonly #blocks = new Map<number, number>()
  #open = -1
  /** What a piece of text begins with, for the item that spoke last. */
  #textHead = ''
  #textItem = -1
  #calls = false
  #refused = false
  #usage: Usage = UNKNOWN_USAGE
  #finish: { readonly reason: FinishReason, readonly sequence: string } = { reason: 'other', sequence: '' }

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  event(event: StreamEvent): string {
    // There is one answer in this dialect.
    if ('choice' in event && event.choice !== 0) return ''
    switch (event.type) {
      case 'start': return this.#start(event.id, event.model)
      case 'text-delta': return this.#text(event.item, event.text)
      case 'refusal-delta':
        this.#refused = true
        return this.#grow(event.item, { type: 'text', text: '' }, `"text_delta","text":${JSON.stringify(event.text)}`)
      case 'reasoning-delta':
        return this.#grow(event.item, { type: 'thinking', thinking: '', signature: '' }, `"thinking_delta","thinking":${JSON.stringify(event.text)}`)
      case 'reasoning-opaque':
        return event.kind === 'redacted'
          ? this.#begin(event.item, { type: 'redacted_thinking', data: tagOpaque('anthropic-messages', event) })
          : this.#grow(event.item, { type: 'thinking', thinking: '', signature: '' }, `"signature_delta","signature":${JSON.stringify(tagOpaque('anthropic-messages', event))}`)
      case 'tool-start':
        this.#calls = true
        return this.#begin(event.item, { type: 'tool_use', id: event.id, name: event.name, input: {} })
      case 'tool-delta': return this.#delta(event.item, `"input_json_delta","partial_json":${JSON.stringify(event.text)}`)
      case 'item-end': return this.#blocks.get(event.item) === this.#open ? this.#close() : ''
      case 'usage':
        this.#usage = event.usage
        return ''
      case 'finish':
        this.#finish = event
        return ''
      case 'end': return this.#end()
      case 'citation':
        return event.dialect === 'anthropic-messages' ? this.#grow(event.item, { type: 'text', text: '' }, `"citations_delta","citation":${JSON.stringify(event.value)}`) : ''
      case 'logprobs':
      case 'error': return ''
    }
  }

  #start(id: string, model: string): string {
    return frame('message_start', { type: 'message_start', message: {
      id: id || this.#facts.requestId, type: 'message', role: 'assistant', model: model || this.#facts.model, content: [], stop_reason: null, stop_sequence: null,
      usage: anthropicUsage(this.#usage),
    } })
  }

  #begin(item: number, block: Writable): string {
    const closed = this.#close()
    this.#open = this.#blocks.size
    this.#blocks.set(item, this.#open)
    return closed + frame('content_block_start', { type: 'content_block_start', index: this.#open, content_block: block })
  }

  #grow(item: number, block: Writable, delta: string): string {
    const begun = this.#blocks.has(item) ? '' : this.#begin(item, block)
    return begun + this.#delta(item, delta)
  }

  /** Nearly all events of nearly all streams are of this kind. */
  #text(item: number, text: string): string {
    if (item === this.#textItem) return this.#textHead + utf8AsLatin1(JSON.stringify(text)) + TEXT_TAIL
    const begun = this.#blocks.has(item) ? '' : this.#begin(item, { type: 'text', text: '' })
    this.#textItem = item
    this.#textHead = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#blocks.get(item)},"delta":{"type":"text_delta","text":`
    return begun + this.#text(item, text)
  }

  #delta(item: number, delta: string): string {
    const index = this.#blocks.get(item)
    return index === undefined ? '' : utf8AsLatin1(`event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":${delta}}}\n\n`)
  }

  #close(): string {
    if (this.#open < 0) return ''
    const index = this.#open
    this.#open = -1
    return frame('content_block_stop', { type: 'content_block_stop', index })
  }

  #end(): string {
    const { reason, sequence } = this.#finish
    return this.#close()
      + frame('message_delta', {
        type: 'message_delta', delta: { stop_reason: stopReason(reason, this.#calls, this.#refused), stop_sequence: sequence === '' ? null : sequence }, usage: anthropicUsage(this.#usage),
      })
      + frame('message_stop', { type: 'message_stop' })
  }
}
