import { estimateTokens } from '@headrace/bytes'
import type { CutRule, StreamEvent } from '@headrace/contract'

type Emit = (event: StreamEvent) => void

/**
 * Cuts an answer where the client's stop sequences or its limit would have, for a target that takes none such. What the provider writes on is read for its usage
 * and not passed on. Holds text back only as long as it may be the beginning of a stop sequence. One instance per answer, of one choice.
 */
export class AnswerCut {
  readonly #rule: CutRule
  /** Text that may begin a stop sequence, and its item. */
  #held = ''
  #item = -1
  /** All that was passed on, where tokens are counted. */
  #said = ''
  #cut: 'stop-sequence' | 'length' | null = null
  #sequence = ''

  constructor(rule: CutRule) {
    this.#rule = rule
  }

  take(event: StreamEvent, emit: Emit): void {
    switch (event.type) {
      case 'text-delta':
        if (event.item !== this.#item) this.#release(emit)
        this.#item = event.item
        return this.#cut === null ? this.#text(this.#held + event.text, emit) : undefined
      case 'finish':
        this.#release(emit)
        return emit(this.#cut === null ? event : { ...event, reason: this.#cut, sequence: this.#sequence })
      case 'usage':
      case 'start':
      case 'end':
      case 'error': return emit(event)
      case 'reasoning-delta':
      case 'reasoning-opaque': return emit(event)
      case 'item-end':
        this.#release(emit)
        return emit(event)
      default:
        // What follows the cut was never said.
        if (this.#cut !== null) return
        this.#release(emit)
        emit(event)
    }
  }

  #text(text: string, emit: Emit): void {
    this.#held = ''
    const met = this.#firstStop(text)
    if (met !== null) {
      this.#cut = 'stop-sequence'
      this.#sequence = met.sequence
      return this.#say(text.slice(0, met.at), emit)
    }
    const hold = this.#openEnd(text)
    this.#say(text.slice(0, text.length - hold), emit)
    if (this.#cut === null) this.#held = text.slice(text.length - hold)
  }

  #firstStop(text: string): { readonly at: number, readonly sequence: string } | null {
    let first: { readonly at: number, readonly sequence: string } | null = null
    for (const sequence of this.#rule.stop) {
      const at = sequence === '' ? -1 : text.indexOf(sequence)
      if (at >= 0 && (first === null || at < first.at)) first = { at, sequence }
    }
    return first
  }

  /** Characters at the end that may begin a stop sequence. */
  #openEnd(text: string): number {
    let open = 0
    for (const sequence of this.#rule.stop) {
      for (let length = Math.min(sequence.length - 1, text.length); length > open; length--) {
        if (text.endsWith(sequence.slice(0, length))) open = length
      }
    }
    return open
  }

  #say(text: string, emit: Emit): void {
    if (text === '') return
    const room = this.#rule.tokens < 0 ? text : this.#fitting(text)
    if (room.length < text.length) {
      this.#cut = 'length'
      this.#sequence = ''
    }
    if (room !== '') emit({ type: 'text-delta', choice: 0, item: this.#item, text: room })
  }

  /** As many whole words as are within the limit, by estimate. */
  #fitting(text: string): string {
    let fit = ''
    for (const word of text.match(/\s*\S+|\s+$/gu) ?? []) {
      if (estimateTokens(this.#said + word) > this.#rule.tokens) return fit
      this.#said += word
      fit += word
    }
    return fit
  }

  #release(emit: Emit): void {
    const held = this.#held
    this.#held = ''
    if (this.#cut === null) this.#say(held, emit)
  }
}
