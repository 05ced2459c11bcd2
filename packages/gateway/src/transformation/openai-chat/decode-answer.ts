import { gatewayError, type FinishReason } from '@headrace/contract'
import type { AnswerParser, Emit } from '../neutral/answer-reader.ts'
import { classifyStreamError, isError } from '../relay/classify-response.ts'
import { TextTemplate } from '../neutral/text-template.ts'
import { asList, asObject, asText, parseJson } from '../relay/json-value.ts'
import { readUsage } from './read-usage.ts'

type JsonObject = Readonly<Record<string, unknown>>

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'], ['length', 'length'], ['tool_calls', 'tool-calls'], ['function_call', 'tool-calls'], ['content_filter', 'content-filter'],
])

/** Items of one choice that have begun. */
class ChoiceState {
  /** The text, refusal or reasoning that grows now, and its item; '' = none. */
  growing = ''
  item = -1
  items = 0
  /** Item by the call's index in the answer. */
  readonly calls = new Map<number, number>()
  openCall = -1
}

/** Reads Chat Completions answers. A JSON answer is read as a stream of one chunk whose deltas are its messages. */
export class ChatAnswerParser implements AnswerParser {
  state: 'open' | 'finished' | 'done' = 'open'
  #started = false
  readonly #choices = new Map<number, ChoiceState>()
  readonly #template = new TextTemplate('obfuscation')
  /** The choice that the learned events belong to. */
  #templateChoice = 0

  event(data: string, emit: Emit): void {
    const text = this.#template.match(data)
    if (text !== null) return this.#grow(this.#templateChoice, this.#stateOf(this.#templateChoice), 'text-delta', text, emit)
    this.#parse(data, emit)
  }

  #parse(data: string, emit: Emit): void {
    if (data.trim() === '[DONE]') {
      if (this.state === 'finished') this.state = 'done'
      else emit({ type: 'error', error: gatewayError('upstream-truncated', 'The provider ended the stream before it gave a finish reason.', { upstreamStatus: 200 }) })
      return
    }
    const value = asObject(parseJson(data))
    if (value === null) return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider sent an event that is not a JSON object.', { upstreamStatus: 200 }) })
    if (isError(value['error']) || (value['type'] === 'error' && value['choices'] === undefined)) return emit({ type: 'error', error: classifyStreamError(value) })
    this.#read(value, 'delta', emit)
    this.#learn(data, value)
  }

  /** An event that adds text and says nothing else. */
  #learn(data: string, value: JsonObject): void {
    const choices = asList(value['choices'])
    const choice = asObject(choices[0])
    const delta = asObject(choice?.['delta'])
    if (choices.length !== 1 || choice === null || delta === null || value['usage'] != null || choice['finish_reason'] != null || choice['logprobs'] != null) return
    const text = asText(delta['content'])
    if (text === '' || !Object.entries(delta).every(([name, member]) => name === 'content' || name === 'role' || member === null)) return
    this.#templateChoice = typeof choice['index'] === 'number' ? choice['index'] : 0
    this.#template.learn(data, 'content', text)
  }

  answer(value: unknown, _text: string, emit: Emit): void {
    const answer = asObject(value)
    if (answer === null || !Array.isArray(answer['choices'])) {
      return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider\'s answer has no choices.', { upstreamStatus: 200 }) })
    }
    this.#read(answer, 'message', emit)
  }

  #read(value: JsonObject, member: 'delta' | 'message', emit: Emit): void {
    if (!this.#started) {
      this.#started = true
      const created = value['created']
      emit({ type: 'start', id: asText(value['id']), model: asText(value['model']), created: typeof created === 'number' ? created : 0 })
    }
    for (const [at, element] of asList(value['choices']).entries()) {
      const choice = asObject(element)
      if (choice === null) continue
      const index = typeof choice['index'] === 'number' ? choice['index'] : at
      this.#readChoice(index, choice, asObject(choice[member]), emit)
    }
    const usage = asObject(value['usage'])
    if (usage !== null) emit({ type: 'usage', usage: readUsage(usage) })
  }

  #readChoice(index: number, choice: JsonObject, delta: JsonObject | null, emit: Emit): void {
    const state = this.#stateOf(index)
    if (delta !== null) {
      this.#grow(index, state, 'reasoning-delta', asText(delta['reasoning_content']) || asText(delta['reasoning']), emit)
      if (Array.isArray(delta['content'])) this.#readParts(index, state, delta['content'], emit)
      else this.#grow(index, state, 'text-delta', asText(delta['content']), emit)
      this.#grow(index, state, 'refusal-delta', asText(delta['refusal']), emit)
      for (const [at, call] of asList(delta['tool_calls']).entries()) this.#call(index, state, asObject(call), at, emit)
      const older = asObject(delta['function_call'])
      if (older !== null) this.#call(index, state, { function: older, id: asText(older['name']) }, 0, emit)
    }
    if (asObject(choice['logprobs']) !== null) emit({ type: 'logprobs', choice: index, item: Math.max(state.item, 0), dialect: 'openai-chat', value: choice['logprobs'] })
    const finish = asText(choice['finish_reason'])
    if (finish === '') return
    this.#endItem(index, state, emit)
    this.#endCall(index, state, emit)
    this.state = 'finished'
    emit({ type: 'finish', choice: index, reason: FINISH_REASONS.get(finish) ?? 'other', raw: finish, sequence: '' })
  }

  /** What a reasoning model of Mistral's says: `{type: 'thinking', thinking: [{type: 'text', text}]}` and texts. */
  #readParts(index: number, state: ChoiceState, parts: readonly unknown[], emit: Emit): void {
    for (const element of parts) {
      const part = asObject(element)
      if (part?.['type'] === 'thinking') for (const thought of asList(part['thinking'])) this.#grow(index, state, 'reasoning-delta', asText(asObject(thought)?.['text']), emit)
      else this.#grow(index, state, 'text-delta', asText(part?.['text']), emit)
    }
  }

  #stateOf(index: number): ChoiceState {
    let state = this.#choices.get(index)
    if (state === undefined) this.#choices.set(index, state = new ChoiceState())
    return state
  }

  #grow(choice: number, state: ChoiceState, type: 'reasoning-delta' | 'text-delta' | 'refusal-delta', text: string, emit: Emit): void {
    if (text === '') return
    if (state.growing !== type) {
      this.#endItem(choice, state, emit)
      state.growing = type
      state.item = state.items++
    }
    emit({ type, choice, item: state.item, text })
  }

  #call(choice: number, state: ChoiceState, call: JsonObject | null, at: number, emit: Emit): void {
    if (call === null) return
    const index = typeof call['index'] === 'number' ? call['index'] : at
    const custom = asObject(call['custom'])
    const called = asObject(call['function']) ?? custom
    let item = state.calls.get(index)
    if (item === undefined) {
      this.#endItem(choice, state, emit)
      this.#endCall(choice, state, emit)
      item = state.items++
      state.calls.set(index, item)
      state.openCall = item
      const start = { type: 'tool-start', choice, item, id: asText(call['id']), name: asText(called?.['name']) } as const
      emit(custom === null ? start : { ...start, custom: true })
    }
    const input = asText(called?.['arguments']) || asText(custom?.['input'])
    if (input !== '') emit({ type: 'tool-delta', choice, item, text: input })
  }

  #endItem(choice: number, state: ChoiceState, emit: Emit): void {
    if (state.growing === '') return
    emit({ type: 'item-end', choice, item: state.item })
    state.growing = ''
  }

  #endCall(choice: number, state: ChoiceState, emit: Emit): void {
    if (state.openCall < 0) return
    emit({ type: 'item-end', choice, item: state.openCall })
    state.openCall = -1
  }
}
