import { sha256Hex } from '@headrace/bytes'
import { gatewayError, type AnswerDecoder, type FinishReason, type StreamEvent } from '@headrace/contract'
import type { AnswerParser, Emit } from '../neutral/answer-reader.ts'
import { TextTemplate } from '../neutral/text-template.ts'
import { classifyStreamError, isError } from '../relay/classify-response.ts'
import { asList, asObject, asText, parseJson } from '../relay/json-value.ts'
import { readUsage } from './read-usage.ts'

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([['stop', 'stop'], ['length', 'length']])
const LINE_LIMIT = 1_048_576
const LF = 0x0a

/** Reads Ollama's answers. A JSON answer is read as a stream of one line. */
export class LineAnswerParser implements AnswerParser {
  state: 'open' | 'finished' | 'done' = 'open'
  #started = false
  /** What grows now, and its item. */
  #growing = ''
  #item = 0
  #called = false
  #createdAt = ''
  readonly #template = new TextTemplate('created_at')

  event(data: string, emit: Emit): void {
    const text = this.#template.match(data)
    if (text !== null) return this.#grow('text-delta', text, emit)
    const value = asObject(parseJson(data))
    if (value === null) return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider sent a line that is not a JSON object.', { upstreamStatus: 200 }) })
    this.answer(value, data, emit)
    this.#learn(data, value)
  }

  /** A line that adds text and says nothing else. */
  #learn(data: string, value: Readonly<Record<string, unknown>>): void {
    const message = asObject(value['message'])
    const name = message === null ? 'response' : 'content'
    const text = asText((message ?? value)[name])
    const isPlain = (of: object, ...names: readonly string[]): boolean => Object.keys(of).every(member => names.includes(member))
    if (text === '' || value['done'] !== false || !isPlain(value, 'model', 'created_at', 'message', 'response', 'done') || !isPlain(message ?? {}, 'role', 'content')) return
    this.#template.learn(data, name, text)
  }

  answer(given: unknown, _text: string, emit: Emit): void {
    const value = asObject(given) ?? {}
    if (isError(value['error'])) return emit({ type: 'error', error: classifyStreamError(value) })
    const message = asObject(value['message']) ?? (typeof value['response'] === 'string' ? { content: value['response'], thinking: value['thinking'] } : null)
    if (message === null && value['done'] !== true) return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider\'s answer has no message.', { upstreamStatus: 200 }) })
    if (!this.#started) {
      this.#started = true
      this.#createdAt = asText(value['created_at'])
      const created = Date.parse(this.#createdAt)
      emit({ type: 'start', id: '', model: asText(value['model']), created: Number.isNaN(created) ? 0 : Math.floor(created / 1_000) })
    }
    this.#grow('reasoning-delta', asText(message?.['thinking']), emit)
    this.#grow('text-delta', asText(message?.['content']), emit)
    for (const call of asList(message?.['tool_calls'])) this.#call(asObject(call), emit)
    if (value['done'] === true) this.#finish(value, emit)
  }

  #grow(type: 'reasoning-delta' | 'text-delta', text: string, emit: Emit): void {
    if (text === '') return
    if (this.#growing !== '' && this.#growing !== type) this.#endItem(emit)
    this.#growing = type
    emit({ type, choice: 0, item: this.#item, text })
  }

  /** Calls come whole. */
  #call(call: Readonly<Record<string, unknown>> | null, emit: Emit): void {
    const called = asObject(call?.['function'])
    if (called === null) return
    this.#endItem(emit)
    const item = this.#item++
    this.#called = true
    // Older versions give no ids: a client needs one that no other call of the conversation has.
    emit({ type: 'tool-start', choice: 0, item, id: asText(call?.['id']) || `call_${sha256Hex(`${this.#createdAt} ${item}`).slice(0, 24)}`, name: asText(called['name']) })
    emit({ type: 'tool-delta', choice: 0, item, text: typeof called['arguments'] === 'string' ? called['arguments'] : JSON.stringify(called['arguments'] ?? {}) })
    emit({ type: 'item-end', choice: 0, item })
  }

  #endItem(emit: Emit): void {
    if (this.#growing === '') return
    this.#growing = ''
    emit({ type: 'item-end', choice: 0, item: this.#item++ })
  }

  #finish(value: Readonly<Record<string, unknown>>, emit: Emit): void {
    this.#endItem(emit)
    this.state = 'done'
    emit({ type: 'usage', usage: readUsage(value) })
    const raw = asText(value['done_reason']) || 'stop'
    // Ollama has no reason of its own for calls.
    emit({ type: 'finish', choice: 0, reason: this.#called && raw === 'stop' ? 'tool-calls' : FINISH_REASONS.get(raw) ?? 'other', raw, sequence: '' })
  }
}

/** A stream of JSON lines. After the first error and after the last line nothing more is said. */
export class LineStreamDecoder implements AnswerDecoder {
  readonly #parser = new LineAnswerParser()
  /** A line that has begun. */
  #tail: Buffer[] = []
  #tailBytes = 0
  #failed = false

  push(chunk: Buffer, emit: (event: StreamEvent) => void): void {
    if (this.#over) return
    const end = chunk.lastIndexOf(LF) + 1
    if (end > 0) {
      // A line's end is ASCII, so no character is ever cut.
      const lines = this.#tail.length === 0 ? chunk.utf8Slice(0, end) : Buffer.concat([...this.#tail, chunk.subarray(0, end)]).toString('utf8')
      this.#tail = []
      this.#tailBytes = 0
      this.#read(lines, event => this.#tell(event, emit))
    }
    if (end === chunk.length || this.#over) return
    this.#tail.push(Buffer.from(chunk.subarray(end)))
    this.#tailBytes += chunk.length - end
    if (this.#tailBytes > LINE_LIMIT) this.#tell({ type: 'error', error: gatewayError('upstream-protocol', 'The provider sent a line that is too large.', { upstreamStatus: 200 }) }, emit)
  }

  end(emit: (event: StreamEvent) => void): void {
    // The last line may lack its end.
    if (this.#tailBytes > 0) this.push(Buffer.from('\n'), emit)
    if (this.#failed) return
    if (this.#parser.state === 'done') emit({ type: 'end' })
    else this.#tell({ type: 'error', error: gatewayError('upstream-truncated', 'The provider ended the stream before the answer was complete.') }, emit)
  }

  #read(lines: string, emit: Emit): void {
    for (let at = 0, end = lines.indexOf('\n'); end >= 0 && !this.#over; at = end + 1, end = lines.indexOf('\n', at)) {
      const line = lines.slice(at, end)
      if (line.trim() !== '') this.#parser.event(line, emit)
    }
  }

  get #over(): boolean {
    return this.#failed || this.#parser.state === 'done'
  }

  #tell(event: StreamEvent, emit: (event: StreamEvent) => void): void {
    if (event.type === 'error') this.#failed = true
    emit(event)
  }
}
