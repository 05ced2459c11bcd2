import type { Emit } from '../neutral/answer-reader.ts'
import { asList, asObject, asText } from '../relay/json-value.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** An item of the output that has begun. `told`: some of its content was. */
interface OutputItem { readonly kind: string, readonly number: number, told: boolean, done: boolean, summary: number }

const indexOf = (value: unknown): number => typeof value === 'number' ? value : 0
const LAST_PART = 65_536
const partKey = (output: number, content: number): number => output * LAST_PART + Math.min(content, LAST_PART - 1)

/** Log probabilities as Chat Completions has them: with bytes, which are left out of pieces of streams here. */
export function logprobsOf(value: unknown): unknown {
  const told = (token: unknown): object => ({ bytes: null, ...asObject(token) })
  return { content: asList(value).map(token => ({ ...told(token), top_logprobs: asList(asObject(token)?.['top_logprobs']).map(told) })), refusal: null }
}

/**
 * The items of one response's output, in our terms: each content part of a message is an item of its own, a call and a thought are one each. What only this
 * dialect has (calls of tools that its vendor runs) is passed over. Items come piece by piece, whole, or both.
 */
export class OutputItems {
  readonly #items = new Map<number, OutputItem>()
  /** Our number of a message's part, by output index and content index; those that are open. */
  readonly #parts = new Map<number, { readonly number: number, told: boolean, open: boolean }>()
  #count = 0
  /** Tools of the client's are called. */
  calls = false

  event(type: string, value: JsonObject, emit: Emit): void {
    const output = indexOf(value['output_index'])
    switch (type) {
      case 'response.output_item.added': return this.#begin(output, asObject(value['item']) ?? {}, emit)
      case 'response.output_item.done': return this.done(output, asObject(value['item']) ?? {}, emit)
      case 'response.refusal.delta': {
        const part = this.#part(output, indexOf(value['content_index']))
        part.told = true
        return emit({ type: 'refusal-delta', choice: 0, item: part.number, text: asText(value['delta']) })
      }
      case 'response.content_part.done': {
        const part = this.#parts.get(partKey(output, indexOf(value['content_index'])))
        return part?.told === true ? this.#close(part, emit) : undefined
      }
      case 'response.reasoning_summary_text.delta': return this.#think(output, indexOf(value['summary_index']), asText(value['delta']), emit)
      case 'response.reasoning_text.delta': return this.#think(output, indexOf(value['content_index']), asText(value['delta']), emit)
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta': return this.#grow(output, asText(value['delta']), emit)
      default:
    }
  }

  /** A piece of text: the number of its item. */
  text(value: JsonObject): number {
    const part = this.#part(indexOf(value['output_index']), indexOf(value['content_index']))
    part.told = true
    return part.number
  }

  /** An item as it is at its end: what it holds and was not told yet is told. */
  done(output: number, value: JsonObject, emit: Emit): void {
    const kind = asText(value['type'])
    if (kind === 'message') return this.#endMessage(output, value, emit)
    this.#begin(output, value, emit)
    const item = this.#items.get(output)
    if (item === undefined || item.done) return
    item.done = true
    if (kind === 'reasoning') this.#endThought(item, value, emit)
    else if (!item.told) emit({ type: 'tool-delta', choice: 0, item: item.number, text: asText(value['arguments']) || asText(value['input']) || (kind === 'function_call' ? '{}' : '') })
    emit({ type: 'item-end', choice: 0, item: item.number })
  }

  /** The response is over. */
  end(emit: Emit): void {
    for (const part of this.#parts.values()) this.#close(part, emit)
  }

  #begin(output: number, value: JsonObject, emit: Emit): void {
    if (this.#items.has(output)) return
    const kind = asText(value['type'])
    if (kind !== 'function_call' && kind !== 'custom_tool_call' && kind !== 'reasoning') return
    const number = this.#count++
    this.#items.set(output, { kind, number, told: false, done: false, summary: 0 })
    if (kind === 'reasoning') return
    this.calls = true
    const call = { type: 'tool-start', choice: 0, item: number, id: asText(value['call_id']) || asText(value['id']), name: asText(value['name']) } as const
    emit(kind === 'custom_tool_call' ? { ...call, custom: true } : call)
  }

  #grow(output: number, text: string, emit: Emit): void {
    const item = this.#items.get(output)
    if (item === undefined || text === '') return
    item.told = true
    emit({ type: 'tool-delta', choice: 0, item: item.number, text })
  }

  /** Parts of thoughts are paragraphs. */
  #think(output: number, part: number, text: string, emit: Emit): void {
    this.#begin(output, { type: 'reasoning' }, emit)
    const item = this.#items.get(output)
    if (item === undefined || text === '') return
    const apart = item.told && part !== item.summary ? '\n\n' : ''
    item.told = true
    item.summary = part
    emit({ type: 'reasoning-delta', choice: 0, item: item.number, text: apart + text })
  }

  #endThought(item: OutputItem, value: JsonObject, emit: Emit): void {
    const texts = (name: string): string => asList(value[name]).map(part => asText(asObject(part)?.['text'])).join('\n\n')
    const text = texts('summary') || texts('content')
    if (!item.told && text !== '') emit({ type: 'reasoning-delta', choice: 0, item: item.number, text })
    const data = asText(value['encrypted_content'])
    if (data !== '') emit({ type: 'reasoning-opaque', choice: 0, item: item.number, dialect: 'openai-responses', kind: text === '' && !item.told ? 'redacted' : 'signature', data })
  }

  #endMessage(output: number, value: JsonObject, emit: Emit): void {
    for (const [index, element] of asList(value['content']).entries()) {
      const content = asObject(element) ?? {}
      const part = this.#part(output, index)
      const text = asText(content['text']) || asText(content['refusal'])
      if (!part.told && text !== '') {
        part.told = true
        if (asList(content['logprobs']).length > 0) emit({ type: 'logprobs', choice: 0, item: part.number, dialect: 'openai-chat', value: logprobsOf(content['logprobs']) })
        emit({ type: content['type'] === 'refusal' ? 'refusal-delta' : 'text-delta', choice: 0, item: part.number, text })
      }
      this.#close(part, emit)
    }
  }

  #close(part: { readonly number: number, told: boolean, open: boolean }, emit: Emit): void {
    if (part.open && part.told) emit({ type: 'item-end', choice: 0, item: part.number })
    part.open = false
  }

  #part(output: number, content: number): { readonly number: number, told: boolean, open: boolean } {
    const key = partKey(output, content)
    let part = this.#parts.get(key)
    if (part === undefined) this.#parts.set(key, part = { number: this.#count++, told: false, open: true })
    return part
  }
}
