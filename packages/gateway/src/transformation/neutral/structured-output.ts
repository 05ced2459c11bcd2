import type { Call, Item, JsonText, Part, StreamEvent, Target, TranslatingDialect } from '@headrace/contract'
import { asObject, parseJson } from '../relay/json-value.ts'
import { checkSchema } from './schema-check.ts'

/** A request for structured output in the terms of a target that has none. */
export interface ShapedOutput {
  readonly call: Call
  /** What went in its place. */
  readonly how: string
  /** The tool whose input is the answer; '' = the answer is text. */
  readonly tool: string
  /** What the answer must fit; '' = any JSON object. */
  readonly schema: JsonText
}

const NOT_NAME = /[^A-Za-z0-9_-]/g
const NAME_LIMIT = 64
/** Characters of words before a call that wait for it: a model that says more means them. */
const WORDS_LIMIT = 65_536

/** Structured output by other means than the request's own, where the target has none or not quite the same; null = by these, or none is wanted. */
export function outputFor(call: Call, target: Target, dialect: TranslatingDialect): ShapedOutput | null {
  const means = target.structuredOutput ?? 'native'
  const format = call.responseFormat
  if (means !== 'native') return shapeOutput(call, means)
  if (format === null || format.type === 'text' || call.dialect === target.dialect || dialect.fitFormat === undefined) return null
  const fitted = dialect.fitFormat(format, call, target)
  if (fitted === null) return shapeOutput(call, 'instruction')
  return fitted.how === '' ? null : { call: { ...call, responseFormat: fitted.format }, how: fitted.how, tool: '', schema: format.type === 'schema' ? format.schema : '' }
}

/**
 * Asks for structured output by a tool that must be called, or by an instruction: that where a tool cannot be forced (the client has tools of its own, or wants
 * thoughts) or its input, which is always an object, cannot be the answer. Null = the request wants no structure.
 */
function shapeOutput(call: Call, means: 'tool' | 'instruction'): ShapedOutput | null {
  const format = call.responseFormat
  if (format === null || format.type === 'text') return null
  const schema = format.type === 'schema' ? format.schema : ''
  const rest: Call = { ...call, responseFormat: null }
  const isObject = asObject(parseJson(schema))?.['type'] === 'object'
  if (means === 'instruction' || format.type !== 'schema' || !isObject || call.tools.length > 0 || call.reasoning?.enabled === true) {
    return { call: { ...rest, items: instructed(call.items, schema) }, how: 'an instruction', tool: '', schema }
  }
  const name = format.name.replace(NOT_NAME, '_').slice(0, NAME_LIMIT) || 'answer'
  const description = format.description === '' ? 'Gives the answer.' : format.description
  return {
    call: { ...rest, tools: [{ type: 'function', name, description, schema, strict: null, cache: null }], toolChoice: { mode: 'one', name }, parallelTools: null },
    how: 'a tool call', tool: name, schema,
  }
}

const text = (words: string): readonly Part[] => [{ type: 'text', text: words, cache: null, citations: null }]

/** The instruction stands behind the client's own, so that what is in front of it stays the same from call to call. */
function instructed(items: readonly Item[], schema: JsonText): readonly Item[] {
  const words = schema === '' ? 'Answer with one JSON object and nothing else: no code fence and no words around it.'
    : `Answer with one JSON value that fits this JSON schema, and nothing else: no code fence and no words around it.\n${schema}`
  const first = items.findIndex(item => item.type !== 'message' || item.role !== 'system')
  const at = first < 0 ? items.length : first
  return [...items.slice(0, at), { type: 'message', role: 'system', name: '', parts: text(words) }, ...items.slice(at)]
}

/** The same request once more, with the answer that did not fit and what is wrong with it. */
export const mended = (call: Call, answer: string, problem: string): Call => ({ ...call, items: [
  ...call.items, { type: 'message', role: 'assistant', name: '', parts: text(answer === '' ? '(nothing)' : answer) },
  { type: 'message', role: 'user', name: '', parts: text(`This is not the JSON that was asked for: ${problem}. Answer once more with the whole of it, mended, and nothing else.`) },
] })

/** One choice of an answer. */
interface Choice { readonly texts: StreamEvent[], text: string, toolItem: number, input: string, excused: boolean, spoke: boolean }

/** Turns what came in the place of structured output back into text, and judges it where it is not streamed. One instance per answer. */
export class StructuredAnswer {
  readonly #output: ShapedOutput
  readonly #stream: boolean
  readonly #choices = new Map<number, Choice>()
  readonly #held: StreamEvent[] = []
  /** Why the answer does not fit, and the answer; null = it fits, it is streamed, or it was not given (a refusal, a cut). */
  problem: string | null = null
  text = ''

  constructor(output: ShapedOutput, stream: boolean) {
    this.#output = output
    this.#stream = stream
  }

  take(event: StreamEvent, emit: (event: StreamEvent) => void): void {
    if (this.#output.tool === '' && this.#stream) return emit(event)
    const choice = 'choice' in event ? this.#choiceOf(event.choice) : null
    switch (event.type) {
      case 'text-delta':
        if (choice === null) return
        if (choice.spoke) break
        choice.text += event.text
        choice.texts.push(event)
        if (this.#stream && choice.text.length > WORDS_LIMIT) this.#speak(choice, emit)
        return
      case 'refusal-delta':
        if (choice !== null) choice.excused = true
        break
      case 'tool-start':
        if (choice === null || event.name !== this.#output.tool || this.#output.tool === '') {
          if (choice !== null) this.#excuse(choice)
          break
        }
        choice.toolItem = event.item
        return
      case 'tool-delta':
        if (choice === null || choice.toolItem !== event.item) break
        if (this.#stream) emit({ ...event, type: 'text-delta' })
        else choice.input += event.text
        return
      case 'finish': return this.#finish(event, emit)
      case 'end':
        for (const held of this.#held) emit(held)
        break
      default:
    }
    if (this.#stream || event.type === 'start' || event.type === 'end' || event.type === 'error') emit(event)
    else this.#held.push(event)
  }

  #finish(event: Extract<StreamEvent, { type: 'finish' }>, emit: (event: StreamEvent) => void): void {
    const choice = this.#choiceOf(event.choice)
    const called = choice.toolItem >= 0
    const finish = called && event.reason === 'tool-calls' ? { ...event, reason: 'stop' as const } : event
    if (this.#stream) {
      // Words around the call are no part of the answer; without a call they are all there is.
      if (!called) this.#speak(choice, emit)
      return emit(finish)
    }
    const answer = called ? choice.input : choice.excused ? choice.text : unfenced(choice.text)
    if (!choice.excused && finish.reason === 'stop') this.#judge(answer)
    if (answer !== '') this.#held.push({ type: 'text-delta', choice: event.choice, item: called ? choice.toolItem : firstItem(choice.texts), text: answer })
    this.#held.push(finish)
  }

  /** A tool of the client's is called: what was said before that stands before it, as it is. */
  #excuse(choice: Choice): void {
    choice.excused = true
    if (this.#stream) return
    this.#held.push(...choice.texts.splice(0))
    choice.text = ''
  }

  #speak(choice: Choice, emit: (event: StreamEvent) => void): void {
    choice.spoke = true
    for (const held of choice.texts.splice(0)) emit(held)
  }

  #judge(answer: string): void {
    const value = parseJson(answer)
    const schema: unknown = this.#output.schema === '' ? { type: 'object' } : parseJson(this.#output.schema)
    const problem = value === undefined ? 'it is not JSON' : checkSchema(value, schema)
    if (problem === null || this.problem !== null) return
    this.problem = problem
    this.text = answer
  }

  #choiceOf(index: number): Choice {
    let choice = this.#choices.get(index)
    if (choice === undefined) this.#choices.set(index, choice = { texts: [], text: '', toolItem: -1, input: '', excused: false, spoke: false })
    return choice
  }
}

function firstItem(texts: readonly StreamEvent[]): number {
  const [first] = texts
  return first !== undefined && 'item' in first ? first.item : 0
}

/** Models like to put JSON into a code fence, told not to or not. */
function unfenced(answer: string): string {
  const fenced = /^\s*```[a-z]*\s*\n([\s\S]*?)\n?\s*```\s*$/i.exec(answer)
  return (fenced?.[1] ?? answer).trim()
}
