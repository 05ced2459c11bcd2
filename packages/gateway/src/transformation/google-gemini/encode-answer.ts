import { JsonView, RawJson, utf8AsLatin1, writeJson, type Writable } from '@headrace/bytes'
import { UNKNOWN_USAGE, type AnswerEncoder, type AnswerFacts, type FinishReason, type Opaque, type StreamEvent, type Usage } from '@headrace/contract'
import { AnswerFold, type FoldedItem } from '../neutral/answer-fold.ts'
import { tagOpaque } from '../neutral/opaque-tag.ts'
import { usageMetadata } from './read-usage.ts'

const FINISH_REASONS = Object.freeze({
  'stop': 'STOP', 'stop-sequence': 'STOP', 'length': 'MAX_TOKENS', 'tool-calls': 'STOP', 'content-filter': 'SAFETY', 'refusal': 'SAFETY', 'pause': 'STOP', 'context-window': 'MAX_TOKENS', 'other': 'OTHER',
} as const satisfies Record<FinishReason, string>)

/** A model may have written anything; here arguments are an object. */
function argumentsOf(text: string): RawJson {
  if (text.trim() === '') return new RawJson('{}')
  return new RawJson(JsonView.parse(text)?.kind === 'object' ? text : `{"input":${JSON.stringify(text)}}`)
}

type Blob = Pick<Opaque, 'dialect' | 'kind' | 'data'>

/** Parts of a candidate, from what was told of it. A signature without a thought of its own waits for the call that it signs. */
class PartWriter {
  #signature: string | undefined

  call(id: string, name: string, text: string): Writable {
    const thoughtSignature = this.#signature
    this.#signature = undefined
    return { functionCall: { id: id === '' ? undefined : id, name, args: argumentsOf(text) }, thoughtSignature }
  }

  /** `text`: what it signs of a thought, null = it has none. */
  opaque(event: Blob, text: string | null): Writable[] {
    const thoughtSignature = tagOpaque('google-gemini', event)
    if (event.dialect !== 'google-gemini' || text !== null) return [{ text: text ?? '', thought: true, thoughtSignature }]
    const earlier = this.rest()
    this.#signature = thoughtSignature
    return earlier
  }

  /** What signed no call: it comes in a part of its own, as Google streams it. */
  rest(): Writable[] {
    const thoughtSignature = this.#signature
    this.#signature = undefined
    return thoughtSignature === undefined ? [] : [{ text: '', thoughtSignature }]
  }
}

/** A whole answer. */
export class ContentJsonEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  readonly #fold = new AnswerFold()

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  event(event: StreamEvent): string {
    this.#fold.add(event)
    if (event.type !== 'end') return ''
    const fold = this.#fold
    const choices = [...fold.choices].sort(([one], [other]) => one - other)
    return utf8AsLatin1(writeJson({
      candidates: choices.map(([index, choice]) => ({
        content: { parts: partsOf([...choice.items].sort(([one], [other]) => one - other).map(([, item]) => item)), role: 'model' },
        finishReason: FINISH_REASONS[choice.finish?.reason ?? 'stop'], index,
      })),
      usageMetadata: fold.usage === UNKNOWN_USAGE ? undefined : usageMetadata(fold.usage),
      modelVersion: fold.model || this.#facts.model, responseId: fold.id || this.#facts.requestId,
    }))
  }
}

function partsOf(items: readonly FoldedItem[]): Writable[] {
  const writer = new PartWriter()
  const parts = items.flatMap((item): Writable[] => {
    switch (item.kind) {
      case 'text':
      case 'refusal': return item.text === '' ? [] : [{ text: item.text }]
      case 'tool': return [writer.call(item.id, item.name, item.text)]
      case 'reasoning': {
        if (item.origin === null) return item.text === '' ? [] : [{ text: item.text, thought: true }]
        return writer.opaque({ dialect: item.origin, kind: item.redacted === '' ? 'signature' : 'redacted', data: item.redacted || item.signature }, item.text === '' ? null : item.text)
      }
    }
  })
  return [...parts, ...writer.rest()]
}

/** A call that is being written: it is told when its arguments are whole. */
interface OpenCall { readonly choice: number, readonly item: number, readonly id: string, readonly name: string, text: string }

/** A stream of answers: events, or elements of one JSON array. */
export class ContentStreamEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  /** What stands before and behind a chunk; the first one of an array begins with its bracket. */
  #head: string
  readonly #next: string
  readonly #tail: string
  /** Everything behind a chunk's candidates, with the brace that ends it. */
  #suffix = ''
  readonly #calls: OpenCall[] = []
  readonly #writers = new Map<number, PartWriter>()
  /** Thoughts that have a text, by `choice:item`. */
  readonly #thinking = new Set<string>()
  #finishes: { readonly choice: number, readonly reason: FinishReason }[] = []
  #usage: Usage = UNKNOWN_USAGE

  constructor(facts: AnswerFacts) {
    this.#facts = facts
    this.#head = facts.array === true ? '[' : 'data: '
    this.#next = facts.array === true ? ',\n' : 'data: '
    this.#tail = facts.array === true ? '' : '\n\n'
  }

  event(event: StreamEvent): string {
    switch (event.type) {
      case 'start':
        this.#suffix = `,"modelVersion":${JSON.stringify(event.model || this.#facts.model)},"responseId":${JSON.stringify(event.id || this.#facts.requestId)}}`
        return ''
      case 'text-delta':
      case 'refusal-delta': return this.#text(event.choice, `{"text":${JSON.stringify(event.text)}}`)
      case 'reasoning-delta':
        this.#thinking.add(`${event.choice}:${event.item}`)
        return this.#text(event.choice, `{"text":${JSON.stringify(event.text)},"thought":true}`)
      case 'reasoning-opaque': return this.#parts(event.choice, this.#writer(event.choice).opaque(event, this.#thinking.has(`${event.choice}:${event.item}`) ? '' : null))
      case 'tool-start':
        this.#calls.push({ choice: event.choice, item: event.item, id: event.id, name: event.name, text: '' })
        return ''
      case 'tool-delta': {
        const call = this.#calls.find(open => open.choice === event.choice && open.item === event.item)
        if (call !== undefined) call.text += event.text
        return ''
      }
      case 'usage':
        this.#usage = event.usage
        return ''
      case 'finish':
        this.#finishes.push(event)
        return this.#release(event.choice)
      case 'end': return this.#end()
      case 'item-end':
      case 'citation':
      case 'logprobs':
      case 'error': return ''
    }
  }

  /** All that it was led through has been told: whoever wrote it did not wait with calls and the finish, as this does. */
  resume(): this {
    this.#calls.length = this.#finishes.length = 0
    return this
  }

  /** Calls are told with the finish: a late piece may follow the end of an item, and half a call is none. */
  #release(choice: number): string {
    const writer = this.#writer(choice)
    const mine = this.#calls.filter(call => call.choice === choice)
    for (const call of mine) this.#calls.splice(this.#calls.indexOf(call), 1)
    return this.#parts(choice, [...mine.map(call => writer.call(call.id, call.name, call.text)), ...writer.rest()])
  }

  /** The last chunks say why the answer ended, and what it cost. */
  #end(): string {
    const usage = this.#usage === UNKNOWN_USAGE ? '' : `,"usageMetadata":${JSON.stringify(usageMetadata(this.#usage))}`
    const said = this.#finishes.map(({ choice, reason }) => this.#chunk(`{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"${FINISH_REASONS[reason]}","index":${choice}}`, usage)).join('')
    if (this.#facts.array !== true) return said
    return this.#head === '[' ? '[]\n' : `${said}\n]\n`
  }

  #parts(choice: number, parts: readonly Writable[]): string {
    return parts.length === 0 ? '' : this.#text(choice, parts.map(writeJson).join(','))
  }

  /** Nearly all chunks of nearly all streams are of this kind. */
  #text(choice: number, parts: string): string {
    return this.#chunk(`{"content":{"parts":[${utf8AsLatin1(parts)}],"role":"model"},"index":${choice}}`, '')
  }

  /** `candidate` is latin1. */
  #chunk(candidate: string, usage: string): string {
    const head = this.#head
    this.#head = this.#next
    return `${head}{"candidates":[${candidate}]${usage}${this.#suffix}${this.#tail}`
  }

  #writer(choice: number): PartWriter {
    let writer = this.#writers.get(choice)
    if (writer === undefined) this.#writers.set(choice, writer = new PartWriter())
    return writer
  }
}
