import { RawJson, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { UNKNOWN_USAGE, type AnswerEncoder, type AnswerFacts, type DialectId, type FinishReason, type StreamEvent, type Usage } from '@headrace/contract'
import { AnswerFold, type FoldedChoice, type FoldedItem } from '../neutral/answer-fold.ts'
import { asObject } from '../relay/json-value.ts'
import { DETAIL_FORMATS } from './decode-message.ts'

/** As completions tell them too. */
export const FINISH_REASONS = Object.freeze({
  'stop': 'stop', 'stop-sequence': 'stop', 'length': 'length', 'tool-calls': 'tool_calls', 'content-filter': 'content_filter', 'refusal': 'content_filter',
  'pause': 'stop', 'context-window': 'length', 'other': 'stop',
} as const satisfies Record<FinishReason, string>)

const known = (count: number): number => Math.max(count, 0)

export function usageObject(usage: Usage): Writable {
  return {
    prompt_tokens: known(usage.inputTokens), completion_tokens: known(usage.outputTokens), total_tokens: known(usage.inputTokens) + known(usage.outputTokens),
    prompt_tokens_details: { cached_tokens: known(usage.cachedInputTokens), ...(usage.cacheWriteTokens > 0 ? { cache_write_tokens: usage.cacheWriteTokens } : {}) },
    completion_tokens_details: { reasoning_tokens: known(usage.reasoningTokens) },
  }
}

const thought = (text: string, kind: 'signature' | 'redacted', data: string, origin: DialectId | null): Writable => kind === 'signature'
  ? { type: 'reasoning.text', text, signature: data, format: origin === null ? undefined : DETAIL_FORMATS[origin] }
  : { type: 'reasoning.encrypted', data, format: origin === null ? undefined : DETAIL_FORMATS[origin] }

/** A whole chat completion. */
export class ChatJsonEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  readonly #fold = new AnswerFold()

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  event(event: StreamEvent): string {
    // What only another dialect's clients understand is not told to this one's.
    if (event.type !== 'logprobs' || event.dialect === 'openai-chat') this.#fold.add(event)
    if (event.type !== 'end') return ''
    const fold = this.#fold
    const choices = [...fold.choices].sort(([one], [other]) => one - other)
    return utf8AsLatin1(writeJson({
      id: fold.id || this.#facts.requestId, object: 'chat.completion', created: fold.created || this.#facts.created, model: fold.model || this.#facts.model,
      choices: choices.map(([index, choice]) => encodeChoice(index, choice)),
      ...(fold.usage === UNKNOWN_USAGE ? {} : { usage: usageObject(fold.usage) }),
    }))
  }
}

function encodeChoice(index: number, choice: FoldedChoice): Writable {
  const items = [...choice.items].sort(([one], [other]) => one - other).map(([, item]) => item)
  const joined = (kind: FoldedItem['kind']): string => items.filter(item => item.kind === kind).map(item => item.text).join('')
  const calls = items.filter(item => item.kind === 'tool').map(encodeCall)
  const details = items.flatMap(item => item.signature !== '' ? [thought(item.text, 'signature', item.signature, item.origin)] : item.redacted !== '' ? [thought('', 'redacted', item.redacted, item.origin)] : [])
  const text = joined('text')
  const reasoning = joined('reasoning')
  const refusal = joined('refusal')
  return {
    index,
    message: {
      role: 'assistant', content: text === '' && (calls.length > 0 || refusal !== '') ? null : text, refusal: refusal === '' ? null : refusal,
      reasoning_content: reasoning === '' ? undefined : reasoning, reasoning_details: details.length === 0 ? undefined : details, tool_calls: calls.length === 0 ? undefined : calls,
    },
    logprobs: encodeLogprobs(choice.logprobs), finish_reason: FINISH_REASONS[choice.finish?.reason ?? 'stop'],
  }
}

const encodeCall = (item: FoldedItem): Writable => item.custom
  ? { id: item.id, type: 'custom', custom: { name: item.name, input: item.text } }
  : { id: item.id, type: 'function', function: { name: item.name, arguments: item.text === '' ? '{}' : item.text } }

/** Pieces of a stream, or one whole object. */
function encodeLogprobs(values: readonly unknown[]): Writable {
  if (values.length === 0) return null
  const joined = (name: 'content' | 'refusal'): Writable => {
    const lists = values.map(value => asObject(value)?.[name]).filter(list => Array.isArray(list))
    return lists.length === 0 ? null : new RawJson(JSON.stringify(lists.flat()))
  }
  return { content: joined('content'), refusal: joined('refusal') }
}

/** A stream of chat completion chunks. */
export class ChatStreamEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  /** Everything in front of a chunk's choices. */
  #prefix = ''
  /** What follows the choices. */
  readonly #suffix: string
  readonly #begun = new Set<number>()
  /** Index of a tool call by `choice:item`, and the calls of each choice so far. */
  readonly #calls = new Map<string, number>()
  readonly #counts = new Map<number, number>()
  /** Those of them that are of custom tools. */
  readonly #custom = new Set<string>()
  /** Readable thoughts of the item that grows: a signature is told together with what it signs. */
  #thoughts = ''
  #usage: Usage = UNKNOWN_USAGE
  /** What a chunk of text begins with, for the choice that spoke last. */
  #textHead = ''
  #textChoice = -1
  readonly #textTail: string

  constructor(facts: AnswerFacts) {
    this.#facts = facts
    this.#suffix = facts.includeUsage ? ',"usage":null}\n\n' : '}\n\n'
    this.#textTail = `},"logprobs":null,"finish_reason":null}]${this.#suffix}`
  }

  event(event: StreamEvent): string {
    switch (event.type) {
      case 'start': {
        const { requestId, created, model } = this.#facts
        const head = writeJson({ id: event.id || requestId, object: 'chat.completion.chunk', created: event.created || created, model: event.model || model })
        this.#prefix = utf8AsLatin1(`data: ${head.slice(0, -1)},"choices":`)
        return this.#delta(0, '')
      }
      case 'text-delta': return this.#text(event.choice, event.text)
      case 'refusal-delta': return this.#delta(event.choice, `"refusal":${JSON.stringify(event.text)}`)
      case 'reasoning-delta':
        this.#thoughts += event.text
        return this.#delta(event.choice, `"reasoning_content":${JSON.stringify(event.text)}`)
      case 'reasoning-opaque': return this.#delta(event.choice, `"reasoning_details":[${writeJson(thought(this.#thoughts, event.kind, event.data, event.dialect))}]`)
      case 'tool-start': return this.#delta(event.choice, `"tool_calls":[${this.#startCall(event)}]`)
      case 'tool-delta':
        return this.#delta(event.choice, `"tool_calls":[${this.#growCall(event)}]`)
      case 'item-end':
        this.#thoughts = ''
        return ''
      case 'usage':
        this.#usage = event.usage
        return ''
      case 'finish': return this.#begin(event.choice) + this.#chunk(`[{"index":${event.choice},"delta":{},"logprobs":null,"finish_reason":"${FINISH_REASONS[event.reason]}"}]`)
      case 'end': return this.#usageChunk() + 'data: [DONE]\n\n'
      case 'logprobs': return event.dialect === 'openai-chat' ? this.#begin(event.choice) + this.#chunk(`[{"index":${event.choice},"delta":{},"logprobs":${JSON.stringify(event.value)},"finish_reason":null}]`) : ''
      case 'citation':
      case 'error': return ''
    }
  }

  #startCall(event: Extract<StreamEvent, { type: 'tool-start' }>): string {
    const index = this.#counts.get(event.choice) ?? 0
    this.#counts.set(event.choice, index + 1)
    this.#calls.set(`${event.choice}:${event.item}`, index)
    if (event.custom !== true) return writeJson({ index, id: event.id, type: 'function', function: { name: event.name, arguments: '' } })
    this.#custom.add(`${event.choice}:${event.item}`)
    return writeJson({ index, id: event.id, type: 'custom', custom: { name: event.name, input: '' } })
  }

  #growCall(event: Extract<StreamEvent, { type: 'tool-delta' }>): string {
    const key = `${event.choice}:${event.item}`
    const [member, piece] = this.#custom.has(key) ? ['custom', 'input'] : ['function', 'arguments']
    return `{"index":${this.#calls.get(key) ?? 0},"${member}":{"${piece}":${JSON.stringify(event.text)}}}`
  }

  /** Nearly all chunks of nearly all streams are of this kind. */
  #text(choice: number, text: string): string {
    const first = this.#begin(choice)
    if (choice !== this.#textChoice) {
      this.#textChoice = choice
      this.#textHead = `${this.#prefix}[{"index":${choice},"delta":{"content":`
    }
    return first + this.#textHead + utf8AsLatin1(JSON.stringify(text)) + this.#textTail
  }

  #delta(choice: number, members: string): string {
    const first = this.#begin(choice)
    return members === '' ? first : first + this.#chunk(`[{"index":${choice},"delta":{${members}},"logprobs":null,"finish_reason":null}]`)
  }

  /** The first chunk of a choice says who speaks. */
  #begin(choice: number): string {
    if (this.#begun.has(choice)) return ''
    this.#begun.add(choice)
    return this.#chunk(`[{"index":${choice},"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]`)
  }

  #chunk(choices: string): string {
    return this.#prefix + utf8AsLatin1(choices) + this.#suffix
  }

  #usageChunk(): string {
    return this.#facts.includeUsage && this.#usage !== UNKNOWN_USAGE ? `${this.#prefix}[],"usage":${writeJson(usageObject(this.#usage))}}\n\n` : ''
  }
}
