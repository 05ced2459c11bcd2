import { estimateTokens } from '@headrace/bytes'
import { gatewayError, type StreamEvent } from '@headrace/contract'
import { OverlapTrim } from './overlap-trim.ts'
import type { SaidAnswer } from './said-answer.ts'

type Emit = (event: StreamEvent) => void

/**
 * Joins the answer of a model that was asked to go on to what its client was told before: the same text item grows on without a doubled character, a
 * broken tool call goes on only if the new one begins exactly as it did, and what is new gets the numbers after those that were given.
 * Emits `error` where the two do not fit. One instance per attempt.
 */
export class AnswerJoin {
  readonly #said: SaidAnswer
  readonly #trim: OverlapTrim
  /** Item numbers of the client by those of the new answer; null = not passed on. */
  readonly #items = new Map<number, number | null>()
  #next: number
  /** The item in which what was said may be said again: the one that was open, else the first new one; -1 = none. */
  #trimmed: number
  /** The client has heard of it. */
  #begun: boolean
  /** Arguments of the broken call that the new one has yet to repeat. */
  #toRepeat: string
  #joined = false
  #failed = false

  /** `prefilled`: the model was given the text as the beginning of its own answer. */
  constructor(said: SaidAnswer, prefilled: boolean) {
    this.#said = said
    this.#trim = new OverlapTrim(said.text, prefilled)
    this.#next = said.items
    this.#trimmed = said.openText
    this.#begun = said.openText >= 0
    this.#toRepeat = said.openTool?.input ?? ''
  }

  event(event: StreamEvent, emit: Emit): void {
    if (this.#failed) return
    switch (event.type) {
      case 'start':
        // Thoughts that were cut off cannot be signed any more: what is thought now is an item of its own.
        if (this.#said.openReasoning >= 0) emit({ type: 'item-end', choice: 0, item: this.#said.openReasoning })
        return
      case 'usage': return emit({ type: 'usage', usage: { ...event.usage, outputTokens: event.usage.outputTokens < 0 ? -1 : event.usage.outputTokens + estimateTokens(this.#said.text) } })
      case 'text-delta': return this.#text(event, emit)
      case 'tool-start': return this.#toolStart(event, emit)
      case 'tool-delta': return this.#toolDelta(event, emit)
      case 'reasoning-delta':
      case 'reasoning-opaque': return this.#reasoning(event, emit)
      case 'finish':
        if (this.#said.openTool !== null && (!this.#joined || this.#toRepeat !== '')) return this.#fail(emit)
        this.#endText(emit)
        return this.#failed ? undefined : emit(event)
      case 'refusal-delta':
        this.#endText(emit)
        return this.#failed ? undefined : emit({ ...event, item: this.#own(event.item) ?? 0 })
      case 'item-end':
      case 'citation':
      case 'logprobs': return this.#pass(event, emit)
      case 'end':
      case 'error': return emit(event)
    }
  }

  #text(event: StreamEvent & { readonly type: 'text-delta' }, emit: Emit): void {
    if (this.#said.openTool !== null && !this.#joined) return this.#fail(emit)
    if (!this.#items.has(event.item) && !this.#joined && this.#trimmed >= 0) this.#items.set(event.item, this.#trimmed)
    const item = this.#own(event.item) ?? 0
    if (!this.#joined && this.#said.text !== '') this.#trimmed = item
    this.#joined = true
    if (item !== this.#trimmed) return emit({ ...event, item })
    const text = this.#trim.push(event.text)
    if (text === null) this.#fail(emit)
    else if (text !== '') this.#grow(item, text, emit)
  }

  #toolStart(event: StreamEvent & { readonly type: 'tool-start' }, emit: Emit): void {
    const broken = this.#said.openTool
    if (broken !== null && !this.#joined) {
      this.#joined = true
      if (broken.name !== event.name || broken.custom !== (event.custom === true)) return this.#fail(emit)
      this.#items.set(event.item, broken.item)
      return
    }
    this.#joined = true
    this.#endText(emit)
    if (!this.#failed) emit({ ...event, item: this.#own(event.item) ?? 0 })
  }

  #toolDelta(event: StreamEvent & { readonly type: 'tool-delta' }, emit: Emit): void {
    const item = this.#own(event.item) ?? 0
    if (item !== this.#said.openTool?.item || this.#toRepeat === '') return emit({ ...event, item })
    const length = Math.min(this.#toRepeat.length, event.text.length)
    if (this.#toRepeat.slice(0, length) !== event.text.slice(0, length)) return this.#fail(emit)
    this.#toRepeat = this.#toRepeat.slice(length)
    if (event.text.length > length) emit({ ...event, item, text: event.text.slice(length) })
  }

  /** What is thought on the way from a text to its continuation is no part of the answer. */
  #reasoning(event: StreamEvent & { readonly type: 'reasoning-delta' | 'reasoning-opaque' }, emit: Emit): void {
    if (!this.#items.has(event.item) && (this.#said.text !== '' || this.#said.openTool !== null) && !this.#joined) this.#items.set(event.item, null)
    const item = this.#own(event.item)
    if (item !== null) emit({ ...event, item })
  }

  #pass(event: StreamEvent & { readonly type: 'item-end' | 'citation' | 'logprobs' }, emit: Emit): void {
    const item = this.#own(event.item)
    if (item === null) return
    if (event.type === 'item-end' && item === this.#trimmed) this.#endText(emit)
    else if (item !== this.#trimmed || this.#begun) emit({ ...event, item })
  }

  #grow(item: number, text: string, emit: Emit): void {
    this.#begun = true
    emit({ type: 'text-delta', choice: 0, item, text })
  }

  /** The text that goes on with what was said is over. One that said nothing new never began. */
  #endText(emit: Emit): void {
    if (this.#trimmed < 0) return
    const item = this.#trimmed
    this.#trimmed = -1
    const rest = this.#trim.end()
    if (rest === null) return this.#fail(emit)
    if (rest !== '') this.#grow(item, rest, emit)
    if (this.#begun) emit({ type: 'item-end', choice: 0, item })
  }

  #own(item: number): number | null {
    const known = this.#items.get(item)
    if (known !== undefined) return known
    const own = this.#next++
    this.#items.set(item, own)
    return own
  }

  #fail(emit: Emit): void {
    this.#failed = true
    emit({ type: 'error', error: gatewayError('upstream-truncated', 'The answer was cut off, and no other target went on exactly where it stopped.') })
  }
}
