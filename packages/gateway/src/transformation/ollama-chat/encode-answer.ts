import { utf8AsLatin1, writeJson, RawJson, type Writable } from '@headrace/bytes'
import { UNKNOWN_USAGE, type AnswerEncoder, type AnswerFacts, type FinishReason, type StreamEvent, type Usage } from '@headrace/contract'
import { AnswerFold } from '../neutral/answer-fold.ts'
import { asObject, parseJson } from '../relay/json-value.ts'

const DONE_REASONS = Object.freeze({
  'stop': 'stop', 'stop-sequence': 'stop', 'length': 'length', 'tool-calls': 'stop', 'content-filter': 'stop', 'refusal': 'stop', 'pause': 'stop', 'context-window': 'length', 'other': 'stop',
} as const satisfies Record<FinishReason, string>)

/** Half a call is none: what is no object goes as one without members. */
const encodeCall = (id: string, name: string, text: string, index: number): Writable =>
  ({ id, function: { index, name, arguments: new RawJson(asObject(parseJson(text)) === null ? '{}' : text) } })

/** Nobody measured here how long loading and evaluating took. */
function done(reason: FinishReason, usage: Usage): { readonly [name: string]: Writable } {
  return {
    done_reason: DONE_REASONS[reason], done: true, total_duration: 0, load_duration: 0,
    ...(usage === UNKNOWN_USAGE ? {} : { prompt_eval_count: Math.max(usage.inputTokens, 0), prompt_eval_duration: 0, eval_count: Math.max(usage.outputTokens, 0), eval_duration: 0 }),
  }
}

/** What all objects of an answer begin with. */
const opening = ({ model, created }: AnswerFacts): { readonly [name: string]: Writable } => ({ model, created_at: new Date(created * 1_000).toISOString() })

/** A message of `/api/chat`, or where the client asked with a prompt, what `/api/generate` has for it. */
function said(facts: AnswerFacts, content: string, thinking: string, calls: readonly Writable[]): { readonly [name: string]: Writable } {
  if (facts.array === true) return { response: content, thinking: thinking === '' ? undefined : thinking, tool_calls: calls.length === 0 ? undefined : calls }
  return { message: { role: 'assistant', content, thinking: thinking === '' ? undefined : thinking, tool_calls: calls.length === 0 ? undefined : calls } }
}

/** A whole answer. */
export class LineJsonEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  readonly #fold = new AnswerFold()

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  event(event: StreamEvent): string {
    this.#fold.add(event)
    if (event.type !== 'end') return ''
    const choice = this.#fold.choice(0)
    const items = [...choice.items].sort(([one], [other]) => one - other).map(([, item]) => item)
    const words = (...kinds: readonly string[]): string => items.filter(({ kind }) => kinds.includes(kind)).map(({ text }) => text).join('')
    const calls = items.filter(({ kind }) => kind === 'tool').map((item, index) => encodeCall(item.id, item.name, item.text, index))
    return utf8AsLatin1(writeJson({ ...opening(this.#facts), ...said(this.#facts, words('text', 'refusal'), words('reasoning'), calls), ...done(choice.finish?.reason ?? 'stop', this.#fold.usage) }))
  }
}

/** A stream of JSON lines. */
export class LineStreamEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  readonly #calls: { readonly item: number, readonly id: string, readonly name: string, text: string }[] = []
  /** What stands around a piece of text. */
  readonly #textHead: string
  readonly #textTail: string
  #told = 0
  #usage: Usage = UNKNOWN_USAGE
  #reason: FinishReason = 'stop'

  constructor(facts: AnswerFacts) {
    this.#facts = facts
    const line = this.#line(said(facts, '', '', []))
    const at = line.lastIndexOf('""')
    this.#textHead = line.slice(0, at)
    this.#textTail = line.slice(at + 2)
  }

  event(event: StreamEvent): string {
    switch (event.type) {
      // Nearly all lines of nearly all streams are of this kind.
      case 'text-delta':
      case 'refusal-delta': return this.#textHead + utf8AsLatin1(JSON.stringify(event.text)) + this.#textTail
      case 'reasoning-delta': return this.#line(said(this.#facts, '', event.text, []))
      case 'tool-start':
        this.#calls.push({ item: event.item, id: event.id, name: event.name, text: '' })
        return ''
      case 'tool-delta': {
        const call = this.#calls.find(open => open.item === event.item)
        if (call !== undefined) call.text += event.text
        return ''
      }
      case 'usage':
        this.#usage = event.usage
        return ''
      case 'finish': {
        this.#reason = event.reason
        const calls = this.#calls.splice(0).map(call => encodeCall(call.id, call.name, call.text, this.#told++))
        return calls.length === 0 ? '' : this.#line(said(this.#facts, '', '', calls))
      }
      case 'end': return utf8AsLatin1(`${writeJson({ ...opening(this.#facts), ...said(this.#facts, '', '', []), ...done(this.#reason, this.#usage) })}\n`)
      default: return ''
    }
  }

  #line(members: { readonly [name: string]: Writable }): string {
    return utf8AsLatin1(`${writeJson({ ...opening(this.#facts), ...members, done: false })}\n`)
  }
}
