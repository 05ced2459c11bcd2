import { sha256Hex } from '@headrace/bytes'
import { gatewayError, type AnswerDecoder, type FinishReason, type StreamEvent } from '@headrace/contract'
import type { AnswerParser, Emit } from '../neutral/answer-reader.ts'
import { classifyStreamError, isError } from '../relay/classify-response.ts'
import { asList, asObject, asText, parseJson } from '../relay/json-value.ts'
import { readUsage } from './read-usage.ts'

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([['stop', 'stop'], ['length', 'length']])
const LINE_LIMIT = 1_048_576

/** Reads Ollama's answers. A JSON answer is read as a stream of one line. */
export class LineAnswerParser implements AnswerParser {
  state: 'open' | 'finished' | 'done' = 'open'
  #started = false
  /** What grows now, and its item. */
  #growing = ''
  #item = 0
  #called = false
  #createdAt = ''

  event(data: string, emit: Emit): void {
    const value = asObject(parseJson(data))
    if (value === null) return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider sent a line that is not a JSON object.', { upstreamStatus: 200 }) })
    this.answer(value, data, emit)
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
  /** Latin1: a line that has begun. */
  #tail = ''
  #failed = false

  push(chunk: Buffer, emit: (event: StreamEvent) => void): void {
    this.#tail += chunk.latin1Slice()
    for (let end = this.#tail.indexOf('\n'); end >= 0 && !this.#over; end = this.#tail.indexOf('\n')) {
      const line = Buffer.from(this.#tail.slice(0, end), 'latin1').toString('utf8')
      this.#tail = this.#tail.slice(end + 1)
      if (line.trim() !== '') this.#parser.event(line, event => this.#tell(event, emit))
    }
    if (this.#over) this.#tail = ''
    else if (this.#tail.length > LINE_LIMIT) this.#tell({ type: 'error', error: gatewayError('upstream-protocol', 'The provider sent a line that is too large.', { upstreamStatus: 200 }) }, emit)
  }

  end(emit: (event: StreamEvent) => void): void {
    // The last line may lack its end.
    if (!this.#over && this.#tail !== '') this.push(Buffer.from('\n'), emit)
    if (this.#failed) return
    if (this.#parser.state === 'done') emit({ type: 'end' })
    else this.#tell({ type: 'error', error: gatewayError('upstream-truncated', 'The provider ended the stream before the answer was complete.') }, emit)
  }

  get #over(): boolean {
    return this.#failed || this.#parser.state === 'done'
  }

  #tell(event: StreamEvent, emit: (event: StreamEvent) => void): void {
    if (event.type === 'error') this.#failed = true
    emit(event)
  }
}
