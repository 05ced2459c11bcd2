import { JsonView } from '@headrace/bytes'
import type { AnswerEncoder, Call, JsonText, StreamEvent, Tool } from '@headrace/contract'

type CustomTool = Extract<Tool, { type: 'custom' }>

/** A custom tool for those that know only functions: one that takes one text. */
export function functionOfCustom(tool: CustomTool): Extract<Tool, { type: 'function' }> {
  const rule = tool.grammar === null ? '' : `The input must match this ${tool.grammar.syntax} grammar:\n${tool.grammar.definition}`
  return {
    type: 'function', name: tool.name, description: [tool.description, rule].filter(text => text !== '').join('\n\n'),
    schema: '{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}', strict: null, cache: null,
  }
}

/** The text of a custom call as the arguments of that function. */
export const argumentsOfText = (text: string): JsonText => `{"input":${JSON.stringify(text)}}`

/** And back. What a model wrote otherwise is its text as it stands. */
function textOfArguments(input: JsonText): string {
  return JsonView.parse(input)?.get('input').string ?? input
}

/** Says calls of custom tools to `encoder` as such where the provider knew them only as functions. What the client has no custom tools in passes by. */
export function withCustomTools(encoder: AnswerEncoder, call: Call | undefined): AnswerEncoder {
  const names = new Set(call?.tools.flatMap(tool => tool.type === 'custom' ? [tool.name] : []))
  return names.size === 0 ? encoder : new CustomToolEncoder(encoder, names)
}

/** Holds the arguments of such a call until they are whole. */
class CustomToolEncoder implements AnswerEncoder {
  readonly #encoder: AnswerEncoder
  readonly #names: ReadonlySet<string>
  /** Arguments by `choice:item`. */
  readonly #held = new Map<string, { readonly start: Extract<StreamEvent, { type: 'tool-start' }>, text: string }>()

  constructor(encoder: AnswerEncoder, names: ReadonlySet<string>) {
    this.#encoder = encoder
    this.#names = names
  }

  event(event: StreamEvent): string {
    switch (event.type) {
      case 'tool-start':
        if (event.custom === true || !this.#names.has(event.name)) return this.#encoder.event(event)
        this.#held.set(`${event.choice}:${event.item}`, { start: event, text: '' })
        return ''
      case 'tool-delta': {
        const held = this.#held.get(`${event.choice}:${event.item}`)
        if (held === undefined) return this.#encoder.event(event)
        held.text += event.text
        return ''
      }
      // A late piece may follow the end of an item: only with the finish are the arguments whole.
      case 'item-end': return this.#held.has(`${event.choice}:${event.item}`) ? '' : this.#encoder.event(event)
      case 'finish': return this.#release(event.choice) + this.#encoder.event(event)
      default: return this.#encoder.event(event)
    }
  }

  #release(choice: number): string {
    let out = ''
    for (const [key, { start, text }] of this.#held) {
      if (start.choice !== choice) continue
      this.#held.delete(key)
      out += this.#encoder.event({ ...start, custom: true })
        + this.#encoder.event({ type: 'tool-delta', choice, item: start.item, text: textOfArguments(text) })
        + this.#encoder.event({ type: 'item-end', choice, item: start.item })
    }
    return out
  }
}
