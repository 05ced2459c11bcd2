import { gatewayError, type FinishReason } from '@headrace/contract'
import type { AnswerParser, Emit } from '../neutral/answer-reader.ts'
import { TextTemplate } from '../neutral/text-template.ts'
import { isError } from '../relay/classify-response.ts'
import { asList, asObject, asText, parseJson } from '../relay/json-value.ts'
import { finishReasonOf } from './json-usage.ts'
import { logprobsOf, OutputItems } from './output-items.ts'
import { readUsage } from './read-usage.ts'
import { classifyResponseError } from './response-error.ts'

type JsonObject = Readonly<Record<string, unknown>>

/** Why a response is incomplete. */
const INCOMPLETE: ReadonlyMap<string, FinishReason> = new Map([['max_output_tokens', 'length'], ['content_filter', 'content-filter']])

/** Events that repeat what was told before: they are as long as all of it. */
const SAYS_NOTHING = /^\{"type":"response\.(?:in_progress|output_text\.done)"/

/** Reads Responses answers. A JSON answer is read as the items of its output, each told at once. */
export class ResponseAnswerParser implements AnswerParser {
  state: 'open' | 'finished' | 'done' = 'open'
  #started = false
  readonly #items = new OutputItems()
  readonly #template = new TextTemplate('sequence_number', 'obfuscation')
  /** The item that the learned events belong to. */
  #templateItem = 0

  event(data: string, emit: Emit): void {
    const text = this.#template.match(data)
    if (text !== null) return emit({ type: 'text-delta', choice: 0, item: this.#templateItem, text })
    this.#parse(data, emit)
  }

  #parse(data: string, emit: Emit): void {
    if (this.#started && SAYS_NOTHING.test(data)) return
    // OpenAI sends none; servers that copied its older dialect do.
    if (data.trim() === '[DONE]') return emit({ type: 'error', error: gatewayError('upstream-truncated', 'The provider ended the stream before the response was complete.', { upstreamStatus: 200 }) })
    const value = asObject(parseJson(data))
    if (value === null) return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider sent an event that is not a JSON object.', { upstreamStatus: 200 }) })
    const type = asText(value['type'])
    switch (type) {
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress': return this.#start(asObject(value['response']) ?? {}, emit)
      case 'response.completed':
      case 'response.incomplete': return this.#finish(asObject(value['response']) ?? {}, emit)
      case 'response.failed': return emit({ type: 'error', error: classifyResponseError(asObject(value['response'])?.['error']) })
      case 'error': return emit({ type: 'error', error: classifyResponseError(value['error'] ?? value) })
      case 'response.output_text.delta': return this.#text(data, value, emit)
      default:
        if (type === '' && isError(value['error'])) return emit({ type: 'error', error: classifyResponseError(value['error']) })
        this.#items.event(type, value, emit)
    }
  }

  answer(value: unknown, _text: string, emit: Emit): void {
    const response = asObject(value) ?? {}
    if (response['status'] === 'failed' || isError(response['error'])) return emit({ type: 'error', error: classifyResponseError(response['error']) })
    if (!Array.isArray(response['output'])) return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider\'s answer has no output.', { upstreamStatus: 200 }) })
    if (finishReasonOf(response) === '') return emit({ type: 'error', error: gatewayError('upstream-truncated', 'The provider gave a response that is not complete.', { upstreamStatus: 200 }) })
    this.#start(response, emit)
    this.#finish(response, emit)
  }

  #start(response: JsonObject, emit: Emit): void {
    if (this.#started) return
    this.#started = true
    const created = response['created_at']
    emit({ type: 'start', id: asText(response['id']), model: asText(response['model']), created: typeof created === 'number' ? Math.floor(created) : 0 })
  }

  /** Nearly all events of nearly all streams are of this kind. Log probabilities, and the number that each has, make it another text. */
  #text(data: string, value: JsonObject, emit: Emit): void {
    const delta = asText(value['delta'])
    const item = this.#items.text(value)
    if (asList(value['logprobs']).length > 0) emit({ type: 'logprobs', choice: 0, item, dialect: 'openai-chat', value: logprobsOf(value['logprobs']) })
    if (delta === '') return
    emit({ type: 'text-delta', choice: 0, item, text: delta })
    this.#templateItem = item
    if (asList(value['logprobs']).length === 0) this.#template.learn(data, 'delta', delta)
  }

  /** What was not streamed is told now. */
  #finish(response: JsonObject, emit: Emit): void {
    this.#start(response, emit)
    for (const [index, item] of asList(response['output']).entries()) this.#items.done(index, asObject(item) ?? {}, emit)
    this.#items.end(emit)
    if (asObject(response['usage']) !== null) emit({ type: 'usage', usage: readUsage(response['usage']) })
    const raw = finishReasonOf(response)
    const reason = response['status'] === 'incomplete' ? INCOMPLETE.get(raw) ?? 'other' : this.#items.calls ? 'tool-calls' : 'stop'
    this.state = 'done'
    emit({ type: 'finish', choice: 0, reason, raw: raw === '' ? 'completed' : raw, sequence: '' })
  }
}
