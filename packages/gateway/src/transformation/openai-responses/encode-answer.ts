import { utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { UNKNOWN_USAGE, type AnswerEncoder, type AnswerFacts, type FinishReason, type StreamEvent, type Usage } from '@headrace/contract'
import { AnswerFold } from '../neutral/answer-fold.ts'
import { asList, asObject } from '../relay/json-value.ts'
import { argumentsOf, foldedItem, ID_PREFIXES, itemObject, partIndex, partOf, sealedText, type ItemKind, type ResponseItem } from './response-item.ts'
import { incompleteReason, ResponseObject } from './response-object.ts'
import type { SentResponse } from './sent-response.ts'

/** A whole response. */
export class ResponseJsonEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  readonly #fold = new AnswerFold()

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  event(event: StreamEvent): string {
    this.#fold.add(event)
    if (event.type !== 'end') return ''
    const fold = this.#fold
    const response = new ResponseObject(this.#facts, fold.id, fold.model, fold.created)
    const choice = fold.choice(0)
    const reason = choice.finish?.reason ?? 'stop'
    const folded = [...choice.items].sort(([one], [other]) => one - other).map(([, item]) => item)
    const spoken = folded.findIndex(item => item.kind === 'text')
    const logprobs = choice.logprobs.flatMap(value => asList(asObject(value)?.['content']))
    const items = folded.map((item, index) => foldedItem(item, index, kind => response.itemId(ID_PREFIXES[kind], index), index === spoken ? logprobs : []))
    return utf8AsLatin1(response.write({ reason, usage: fold.usage, output: items.map((item, index) => itemObject(item, statusOf(reason, index === items.length - 1))) }))
  }
}

const statusOf = (reason: FinishReason, last: boolean): 'completed' | 'incomplete' => last && incompleteReason(reason) !== null ? 'incomplete' : 'completed'

/** OpenAI's own streams end without; the Open Responses specification wants it, and no client minds. */
const DONE = 'data: [DONE]\n\n'

/** The typed events of a Responses stream, numbered from 0. */
export class ResponseStreamEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  #response: ResponseObject
  #number = 0
  /** By the neutral number of each. */
  readonly #items = new Map<number, ResponseItem>()
  readonly #output: ResponseItem[] = []
  readonly #open = new Set<ResponseItem>()
  #usage: Usage = UNKNOWN_USAGE
  #reason: FinishReason = 'other'
  /** What a piece of text begins and goes on with, for the item that spoke last. */
  #textItem: ResponseItem | null = null
  #textNumber = -1
  #textHead = ''
  /** Of an answer that another one goes on with: a message that has said nothing yet. */
  #vacant: ResponseItem | null = null
  /** What cannot go on is over with the first event of the new answer. */
  #due = ''

  /** `sent`: goes on from there; null = begins. */
  constructor(facts: AnswerFacts, sent: SentResponse | null = null) {
    this.#facts = facts
    this.#response = sent === null ? new ResponseObject(facts, '', '', 0) : sent.response
    if (sent !== null) this.#resume(sent)
  }

  #resume({ nextNumber, items, numbers }: SentResponse): void {
    this.#number = nextNumber
    for (const [number, item] of numbers) this.#items.set(number, item)
    for (const item of items) {
      this.#output.push(item)
      if (item.sent?.over === true) continue
      this.#open.add(item)
      if (item.kind === 'reasoning') this.#due += this.#close(item, 'incomplete')
      else if (item.kind === 'text' && item.sent?.partOver === true) this.#due += this.#close(item, 'completed')
      else if (item.kind === 'text' && item.text === '') this.#vacant = item
    }
  }

  event(event: StreamEvent): string {
    const due = this.#due
    if (due === '') return this.#event(event)
    this.#due = ''
    return due + this.#event(event)
  }

  #event(event: StreamEvent): string {
    // There is one answer in this dialect.
    if ('choice' in event && event.choice !== 0) return ''
    switch (event.type) {
      case 'start':
        this.#response = new ResponseObject(this.#facts, event.id, event.model, event.created)
        return this.#begun()
      case 'text-delta': return this.#text(event.item, event.text)
      case 'refusal-delta': return this.#grow(event.item, 'refusal', event.text)
      case 'reasoning-delta': return this.#grow(event.item, 'reasoning', event.text)
      case 'reasoning-opaque': return this.#seal(event)
      case 'tool-start': return this.#begin(event.item, event.custom === true ? 'custom' : 'tool', event.id, event.name)
      case 'tool-delta': return this.#growCall(event.item, event.text)
      case 'item-end': return this.#endItem(event.item)
      case 'logprobs':
        this.#items.get(event.item)?.logprobs.push(...asList(asObject(event.value)?.['content']))
        return ''
      case 'usage':
        this.#usage = event.usage
        return ''
      case 'finish':
        this.#reason = event.reason
        return this.#closeAll()
      case 'end': return this.#end()
      case 'citation':
      case 'error': return ''
    }
  }

  #frame(type: string, members: { readonly [name: string]: Writable }): string {
    return utf8AsLatin1(`event: ${type}\ndata: ${writeJson({ type, sequence_number: this.#number++, ...members })}\n\n`)
  }

  #begun(): string {
    const response = utf8AsLatin1(this.#response.write(null))
    return ['response.created', 'response.in_progress'].map(type => `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#number++},"response":${response}}\n\n`).join('')
  }

  #begin(number: number, kind: ItemKind, callId = '', name = ''): string {
    const index = this.#output.length
    const item: ResponseItem = { kind, id: this.#response.itemId(ID_PREFIXES[kind], index), index, callId, name, text: '', sealed: '', logprobs: [] }
    this.#items.set(number, item)
    this.#output.push(item)
    this.#open.add(item)
    const added = this.#frame('response.output_item.added', { output_index: index, item: itemObject(item, 'in_progress') })
    return kind === 'text' || kind === 'refusal' ? added + this.#frame('response.content_part.added', { ...at(item), content_index: 0, part: partOf(item) }) : added
  }

  /** The item of this number, and what begins it where it has not begun or is over. */
  #opened(number: number, kind: ItemKind): { readonly item: ResponseItem, readonly begun: string } {
    const known = this.#items.get(number)
    if (known !== undefined && this.#open.has(known)) return { item: known, begun: '' }
    if (kind === 'text' && this.#vacant !== null) return this.#occupy(number, this.#vacant)
    const begun = this.#begin(number, kind)
    return { item: this.#items.get(number) as ResponseItem /* it has just begun */, begun }
  }

  #occupy(number: number, item: ResponseItem): { readonly item: ResponseItem, readonly begun: string } {
    this.#vacant = null
    this.#items.set(number, item)
    if (item.sent === undefined || item.sent.partBegun) return { item, begun: '' }
    item.sent.partBegun = true
    return { item, begun: this.#frame('response.content_part.added', { ...at(item), content_index: partIndex(item), part: partOf(item) }) }
  }

  /** Nearly all events of nearly all streams are of this kind. */
  #text(number: number, text: string): string {
    let begun = ''
    if (number !== this.#textNumber || this.#textItem === null || !this.#open.has(this.#textItem)) {
      const opened = this.#opened(number, 'text')
      begun = opened.begun
      this.#textItem = opened.item
      this.#textNumber = number
      this.#textHead = `,"item_id":"${opened.item.id}","output_index":${opened.item.index},"content_index":${partIndex(opened.item)},"delta":`
    }
    this.#textItem.text += text
    return `${begun}event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":${this.#number++}${this.#textHead}${utf8AsLatin1(JSON.stringify(text))},"logprobs":[]}\n\n`
  }

  #grow(number: number, kind: 'refusal' | 'reasoning', text: string): string {
    const { item, begun } = this.#opened(number, kind)
    const first = item.text === ''
    item.text += text
    if (kind === 'refusal') return begun + this.#frame('response.refusal.delta', { ...at(item), content_index: 0, delta: text })
    const part = first ? this.#frame('response.reasoning_summary_part.added', { ...at(item), summary_index: 0, part: { type: 'summary_text', text: '' } }) : ''
    return begun + part + this.#frame('response.reasoning_summary_text.delta', { ...at(item), summary_index: 0, delta: text })
  }

  #seal(event: Extract<StreamEvent, { type: 'reasoning-opaque' }>): string {
    const { item, begun } = this.#opened(event.item, 'reasoning')
    item.sealed = sealedText(event.dialect, event.kind, event.data)
    return begun
  }

  #growCall(number: number, text: string): string {
    const item = this.#items.get(number)
    if (item === undefined || text === '') return ''
    item.text += text
    return this.#frame(item.kind === 'custom' ? 'response.custom_tool_call_input.delta' : 'response.function_call_arguments.delta', { ...at(item), delta: text })
  }

  /** A late piece may follow the end of a call: only with the finish is it whole. */
  #endItem(number: number): string {
    const item = this.#items.get(number)
    return item === undefined || item.kind === 'tool' || item.kind === 'custom' ? '' : this.#close(item, 'completed')
  }

  #closeAll(): string {
    let out = ''
    for (const item of this.#open) out += this.#close(item, statusOf(this.#reason, item.index === this.#output.length - 1))
    return out
  }

  #close(item: ResponseItem, status: 'completed' | 'incomplete'): string {
    if (!this.#open.delete(item)) return ''
    return this.#whole(item) + this.#frame('response.output_item.done', { output_index: item.index, item: itemObject(item, status) })
  }

  /** What the pieces come to. */
  #whole(item: ResponseItem): string {
    const { sent } = item
    if (sent !== undefined && (sent.partOver || !sent.partBegun)) return ''
    const place = { ...at(item), content_index: partIndex(item) }
    switch (item.kind) {
      case 'text':
      case 'refusal': {
        const part = partOf(item) as { readonly [name: string]: Writable } // an object
        const told = item.kind === 'text' ? { text: item.text, logprobs: part['logprobs'] } : { refusal: item.text }
        return this.#frame(item.kind === 'text' ? 'response.output_text.done' : 'response.refusal.done', { ...place, ...told }) + this.#frame('response.content_part.done', { ...place, part })
      }
      case 'tool': return this.#frame('response.function_call_arguments.done', { ...at(item), name: item.name, arguments: argumentsOf(item) })
      case 'custom': return this.#frame('response.custom_tool_call_input.done', { ...at(item), input: item.text })
      case 'reasoning': return item.text === '' ? '' : this.#wholeThought(item)
    }
  }

  #wholeThought(item: ResponseItem): string {
    const { text, sent } = item
    if (sent?.plainThoughts === true) {
      const place = { ...at(item), content_index: partIndex(item) }
      return this.#frame('response.reasoning_text.done', { ...place, text }) + this.#frame('response.content_part.done', { ...place, part: { type: 'reasoning_text', text } })
    }
    const place = { ...at(item), summary_index: partIndex(item) }
    return this.#frame('response.reasoning_summary_text.done', { ...place, text }) + this.#frame('response.reasoning_summary_part.done', { ...place, part: { type: 'summary_text', text } })
  }

  #end(): string {
    const closed = this.#closeAll()
    const type = incompleteReason(this.#reason) === null ? 'response.completed' : 'response.incomplete'
    const output = this.#output.map(item => itemObject(item, statusOf(this.#reason, item.index === this.#output.length - 1)))
    const response = this.#response.write({ reason: this.#reason, output, usage: this.#usage })
    return closed + utf8AsLatin1(`event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#number++},"response":${response}}\n\n`) + DONE
  }
}

const at = (item: ResponseItem): { readonly item_id: string, readonly output_index: number } => ({ item_id: item.id, output_index: item.index })
