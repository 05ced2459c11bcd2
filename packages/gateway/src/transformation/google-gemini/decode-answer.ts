import { JsonView } from '@headrace/bytes'
import { gatewayError, type FinishReason } from '@headrace/contract'
import type { AnswerParser, Emit } from '../neutral/answer-reader.ts'
import { TextTemplate } from '../neutral/text-template.ts'
import { asList, asObject, asText, parseJson } from '../relay/json-value.ts'
import { readStreamError } from './classify.ts'
import { readUsage } from './read-usage.ts'

type JsonObject = Readonly<Record<string, unknown>>

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['STOP', 'stop'], ['MAX_TOKENS', 'length'], ['CONTINUATION', 'pause'],
  ...['SAFETY', 'RECITATION', 'LANGUAGE', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION', 'MODEL_ARMOR'].map(raw => [raw, 'content-filter'] as const),
])
/** The model wrote something that is no answer: another attempt may. */
const FAILURES: ReadonlySet<string> = new Set(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS', 'MALFORMED_RESPONSE'])
const USAGE = '"usageMetadata"'
/** Characters of a call's id: OpenAI takes 40. */
const ID_LIMIT = 40

/** Items of one candidate that have begun. */
class CandidateState {
  /** The text or thought that grows now, and its item; '' = none. */
  growing: '' | 'text-delta' | 'reasoning-delta' = ''
  item = -1
  items = 0
  calls = 0
  /** Something was told of it. */
  spoke = false
}

/** Reads generated content. A JSON answer is read as a stream of one chunk. There is no terminator: who gave a reason to end has ended. */
export class ContentAnswerParser implements AnswerParser {
  state: 'open' | 'finished' = 'open'
  #failed = false
  #started = false
  #id = ''
  readonly #candidates = new Map<number, CandidateState>()
  readonly #template = new TextTemplate()
  /** The counts that were told last, as they stood there. */
  #counts = ''

  event(data: string, emit: Emit): void {
    // Counts come with nearly every event, and change: they are no part of how it is spelled.
    const at = data.lastIndexOf(USAGE)
    const spelled = at < 0 ? data : data.slice(0, at)
    const text = this.#template.match(spelled)
    if (text === null) return this.#parse(data, spelled, emit)
    this.#grow(0, this.#stateOf(0), 'text-delta', text, emit)
    if (at >= 0) this.#count(data.slice(at), emit)
  }

  #parse(data: string, spelled: string, emit: Emit): void {
    const value = asObject(parseJson(data))
    if (value === null) return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider sent an event that is not a JSON object.', { upstreamStatus: 200 }) })
    const error = readStreamError(value)
    if (error !== null) return emit({ type: 'error', error })
    this.#read(value, data, emit)
    const text = onlyText(value)
    if (text !== '') this.#template.learn(spelled, 'text', text)
  }

  answer(value: unknown, text: string, emit: Emit): void {
    const answer = asObject(value)
    if (answer === null || (!Array.isArray(answer['candidates']) && asObject(answer['promptFeedback']) === null)) {
      return emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider\'s answer has no candidates.', { upstreamStatus: 200 }) })
    }
    this.#read(answer, text, emit)
    if (this.state === 'open' && !this.#failed) emit({ type: 'error', error: gatewayError('upstream-truncated', 'The provider gave no reason why its answer ended.', { upstreamStatus: 200 }) })
  }

  #read(value: JsonObject, text: string, emit: Emit): void {
    if (!this.#started) {
      this.#started = true
      this.#id = asText(value['responseId'])
      emit({ type: 'start', id: this.#id, model: asText(value['modelVersion']), created: 0 })
    }
    const usage = asObject(value['usageMetadata'])
    const candidates = asList(value['candidates'])
    const blocked = asText(asObject(value['promptFeedback'])?.['blockReason'])
    const finished = blocked !== '' || candidates.some(candidate => asText(asObject(candidate)?.['finishReason']) !== '')
    if (usage !== null) emit({ type: 'usage', usage: readUsage(usage, finished) })
    for (const [at, element] of candidates.entries()) {
      const candidate = asObject(element)
      if (candidate !== null) this.#candidate(candidate, at, text, emit)
    }
    if (blocked === '' || this.state !== 'open') return
    this.state = 'finished'
    emit({ type: 'finish', choice: 0, reason: 'content-filter', raw: blocked, sequence: '' })
  }

  #candidate(candidate: JsonObject, at: number, text: string, emit: Emit): void {
    const choice = typeof candidate['index'] === 'number' ? candidate['index'] : at
    const state = this.#stateOf(choice)
    for (const [index, element] of asList(asObject(candidate['content'])?.['parts']).entries()) {
      const part = asObject(element)
      if (part !== null) this.#part(choice, state, part, () => argumentsAt(text, at, index), emit)
    }
    const raw = asText(candidate['finishReason'])
    if (raw === '' || raw === 'FINISH_REASON_UNSPECIFIED') return
    if (FAILURES.has(raw) && !state.spoke) {
      this.#failed = true
      return emit({ type: 'error', error: gatewayError('upstream-protocol', `The model did not give an answer that can be read (${raw}).`, { upstreamStatus: 200 }) })
    }
    this.#endItem(choice, state, emit)
    this.state = 'finished'
    const reason = FINISH_REASONS.get(raw) ?? 'other'
    emit({ type: 'finish', choice, reason: reason === 'stop' && state.calls > 0 ? 'tool-calls' : reason, raw, sequence: '' })
  }

  #part(choice: number, state: CandidateState, part: JsonObject, args: () => string, emit: Emit): void {
    const thought = part['thought'] === true
    const signature = asText(part['thoughtSignature'])
    this.#grow(choice, state, thought ? 'reasoning-delta' : 'text-delta', asText(part['text']), emit)
    if (signature !== '') this.#sign(choice, state, thought, signature, emit)
    const call = asObject(part['functionCall'])
    if (call !== null) this.#call(choice, state, call, args(), emit)
    const picture = asObject(part['inlineData'])
    if (picture !== null && !thought) this.#grow(choice, state, 'text-delta', markdownOf(asText(picture['mimeType']), asText(picture['data'])), emit)
  }

  /** What signs a thought ends it; any other signature is an item without a text, before the call that it signs. */
  #sign(choice: number, state: CandidateState, thought: boolean, data: string, emit: Emit): void {
    if (!thought || state.growing !== 'reasoning-delta') {
      this.#endItem(choice, state, emit)
      state.growing = 'reasoning-delta'
      state.item = state.items++
    }
    state.spoke = true
    emit({ type: 'reasoning-opaque', choice, item: state.item, dialect: 'google-gemini', kind: 'signature', data })
    this.#endItem(choice, state, emit)
  }

  #call(choice: number, state: CandidateState, call: JsonObject, args: string, emit: Emit): void {
    this.#endItem(choice, state, emit)
    const item = state.items++
    const minted = `_${choice === 0 ? '' : `${choice}_`}${state.calls++}`
    // Older models give their calls no ids: one that is the call's own in all the conversation is made of the answer's.
    emit({ type: 'tool-start', choice, item, id: asText(call['id']) || `call_${this.#id.slice(0, ID_LIMIT - 5 - minted.length)}${minted}`, name: asText(call['name']) })
    emit({ type: 'tool-delta', choice, item, text: args })
    emit({ type: 'item-end', choice, item })
    state.spoke = true
  }

  #grow(choice: number, state: CandidateState, type: 'text-delta' | 'reasoning-delta', text: string, emit: Emit): void {
    if (text === '') return
    if (state.growing !== type) {
      this.#endItem(choice, state, emit)
      state.growing = type
      state.item = state.items++
    }
    state.spoke = true
    emit({ type, choice, item: state.item, text })
  }

  #endItem(choice: number, state: CandidateState, emit: Emit): void {
    if (state.growing === '') return
    emit({ type: 'item-end', choice, item: state.item })
    state.growing = ''
  }

  #stateOf(choice: number): CandidateState {
    let state = this.#candidates.get(choice)
    if (state === undefined) this.#candidates.set(choice, state = new CandidateState())
    return state
  }

  #count(counts: string, emit: Emit): void {
    if (counts === this.#counts) return
    this.#counts = counts
    const usage = asObject(asObject(parseJson(`{${counts}`))?.['usageMetadata'])
    if (usage !== null) emit({ type: 'usage', usage: readUsage(usage, false) })
  }
}

/** The text of a chunk that says nothing else before its counts; '' = it says more, or something else. */
function onlyText(value: JsonObject): string {
  const candidates = asList(value['candidates'])
  const candidate = asObject(candidates[0])
  const parts = asList(asObject(candidate?.['content'])?.['parts'])
  const part = asObject(parts[0])
  if (candidates.length !== 1 || parts.length !== 1 || candidate === null || part === null || (candidate['index'] ?? 0) !== 0 || value['promptFeedback'] !== undefined) return ''
  const plain = Object.keys(part).length === 1 && Object.keys(candidate).every(name => name === 'content' || name === 'index')
  return plain ? asText(part['text']) : ''
}

/** Key order and number lexemes of a call's arguments are kept. */
function argumentsAt(text: string, candidate: number, part: number): string {
  const view = JsonView.parse(text)?.get('candidates').elements()[candidate]?.get('content').get('parts').elements()[part]?.get('functionCall').get('args')
  return view?.given === true ? view.raw : '{}'
}

/** A picture in an answer of text. */
const markdownOf = (type: string, data: string): string => type === '' || data === '' ? '' : `![](data:${type};base64,${data})`
