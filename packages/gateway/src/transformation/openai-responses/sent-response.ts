import type { AnswerFacts } from '@headrace/contract'
import { SseDecoder } from '@headrace/bytes'
import { asList, asObject, asText, parseJson } from '../relay/json-value.ts'
import { ResponseAnswerParser } from './decode-answer.ts'
import type { ItemKind, ResponseItem } from './response-item.ts'
import { ResponseObject } from './response-object.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** What the client of a stream that broke off has put together, and what it expects next. */
export interface SentResponse {
  readonly response: ResponseObject
  /** The `sequence_number` that is due. */
  readonly nextNumber: number
  /** By output index, without gaps. */
  readonly items: readonly ResponseItem[]
  /** Items that the neutral form knows, by their numbers there. */
  readonly numbers: ReadonlyMap<number, ResponseItem>
}

/** One item while what was sent is read. */
interface Growing { members: JsonObject, readonly parts: Part[], text: string, over: boolean }
interface Part { members: JsonObject, text: string, readonly annotations: unknown[], readonly logprobs: unknown[], begun: boolean, over: boolean }

const KINDS: ReadonlyMap<string, ItemKind> = new Map([['message', 'text'], ['function_call', 'tool'], ['custom_tool_call', 'custom'], ['reasoning', 'reasoning']])
/** Parts and items that one response may have. */
const INDEX_LIMIT = 4_096

/**
 * Reads what was sent of a Responses stream, whoever wrote it: the vendor in the fast lane, or our encoder.
 * Null = nobody can go on from there: it did not begin as it should, is over, or breaks off in the middle of what only this dialect has.
 */
export function readSentResponse(sent: Buffer, facts: AnswerFacts): SentResponse | null {
  const reader = new SentReader()
  new SseDecoder(event => reader.event(event.data)).push(sent)
  return reader.result(facts)
}

class SentReader {
  readonly #parser = new ResponseAnswerParser()
  readonly #items: Growing[] = []
  /** Output index by neutral number. */
  readonly #numbers = new Map<number, number>()
  #begun: JsonObject | null = null
  #number = -1
  #lost = false

  event(data: string): void {
    const value = asObject(parseJson(data))
    if (value === null) return
    const number = value['sequence_number']
    if (typeof number === 'number' && Number.isSafeInteger(number)) this.#number = Math.max(this.#number, number)
    const output = indexOf(value['output_index'])
    this.#parser.event(data, event => {
      if ('item' in event && !this.#numbers.has(event.item)) this.#numbers.set(event.item, output)
    })
    if (this.#parser.state === 'done' || output > this.#items.length || output >= INDEX_LIMIT) this.#lost = true
    else this.#read(asText(value['type']), value, output)
  }

  result(facts: AnswerFacts): SentResponse | null {
    const id = asText(this.#begun?.['id'])
    if (this.#lost || this.#begun === null || id === '') return null
    const created = this.#begun['created_at']
    const items: ResponseItem[] = []
    for (const [index, growing] of this.#items.entries()) {
      const item = itemOf(growing, index)
      if (item === null) return null
      items.push(item)
    }
    const numbers = new Map([...this.#numbers].flatMap(([number, output]) => items[output] === undefined ? [] : [[number, items[output]] as const]))
    return { response: new ResponseObject(facts, id, asText(this.#begun['model']), typeof created === 'number' ? created : 0, this.#begun), nextNumber: this.#number + 1, items, numbers }
  }

  #read(type: string, value: JsonObject, output: number): void {
    if (type === 'response.created') this.#begun = asObject(value['response'])
    if (type === 'response.output_item.added') this.#items[output] = { members: asObject(value['item']) ?? {}, parts: [], text: '', over: false }
    const item = this.#items[output]
    if (item === undefined) return
    if (type === 'response.output_item.done') {
      item.members = asObject(value['item']) ?? {}
      item.over = true
    } else this.#grow(item, type, value)
  }

  #grow(item: Growing, type: string, value: JsonObject): void {
    const index = indexOf(value['content_index'] ?? value['summary_index'])
    if (index > item.parts.length || index >= INDEX_LIMIT) return void (this.#lost = true)
    switch (type) {
      case 'response.content_part.added':
      case 'response.reasoning_summary_part.added': return void (partAt(item, index).members = asObject(value['part']) ?? {})
      case 'response.output_text.delta': {
        const part = partAt(item, index)
        part.text += asText(value['delta'])
        part.logprobs.push(...asList(value['logprobs']))
        return
      }
      case 'response.output_text.annotation.added': return void partAt(item, index).annotations.push(value['annotation'])
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta': return void (partAt(item, index).text += asText(value['delta']))
      case 'response.content_part.done':
      case 'response.reasoning_summary_part.done': {
        const part = partAt(item, index)
        part.members = asObject(value['part']) ?? {}
        part.over = true
        return
      }
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta': return void (item.text += asText(value['delta']))
      case 'response.function_call_arguments.done':
      case 'response.custom_tool_call_input.done': {
        item.text = asText(value['arguments']) || asText(value['input'])
        partAt(item, 0).over = true
        return
      }
      default:
    }
  }
}

const indexOf = (value: unknown): number => typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0

function partAt(item: Growing, index: number): Part {
  return item.parts[index] ??= { members: {}, text: '', annotations: [], logprobs: [], begun: true, over: false }
}

/** Null = it is open, and of a kind that no other target goes on with. */
function itemOf({ members, parts, text, over }: Growing, index: number): ResponseItem | null {
  const known = KINDS.get(asText(members['type']))
  if (known === undefined && !over) return null
  const kind = known ?? 'text'
  const last = parts.at(-1)
  const calls = kind === 'tool' || kind === 'custom'
  const sent = {
    members, over, before: calls ? [] : parts.slice(0, -1).map(part => part.members), annotations: last?.annotations ?? [],
    partBegun: calls || last !== undefined, partOver: last?.over === true, plainThoughts: last?.members['type'] === 'reasoning_text',
  }
  return { kind, id: asText(members['id']), index, callId: asText(members['call_id']), name: asText(members['name']), text: calls ? text : last?.text ?? '', sealed: '', logprobs: last?.logprobs ?? [], sent }
}
