import { RawJson, writeJson, type Writable } from '@headrace/bytes'
import type { AnswerFacts, Call, FinishReason, Tool, Usage } from '@headrace/contract'
import { encodeFormat } from './encode-request.ts'
import { usageObject } from './read-usage.ts'

/** What makes a response incomplete; null = it is whole. */
const INCOMPLETE = Object.freeze({
  'stop': null, 'stop-sequence': null, 'tool-calls': null, 'refusal': null, 'pause': null, 'other': null, 'length': 'max_output_tokens', 'context-window': 'max_output_tokens', 'content-filter': 'content_filter',
} as const satisfies Record<FinishReason, string | null>)

export const incompleteReason = (reason: FinishReason): string | null => INCOMPLETE[reason]

/** How a response ended, and with what. */
export interface ResponseEnd { readonly reason: FinishReason, readonly output: readonly Writable[], readonly usage: Usage }

const NOT_ID = /[^A-Za-z0-9_-]/g

/** One response as a client of this dialect sees it: ids, and the request that it repeats. */
export class ResponseObject {
  readonly id: string
  /** What ids of its items end in. */
  readonly key: string
  readonly #facts: AnswerFacts
  readonly #created: number
  readonly #model: string
  readonly #begun: Readonly<Record<string, unknown>> | null
  /** Members that say the request again, as JSON. */
  #repeated: string | null = null

  /** `id`, `model`, `created`: the provider's; '' and 0 = it did not say. `begun`: the response as its client got it when it began; null = it begins here. */
  constructor(facts: AnswerFacts, id: string, model: string, created: number, begun: Readonly<Record<string, unknown>> | null = null) {
    const own = (id || facts.requestId).replace(NOT_ID, '_')
    this.key = own.startsWith('resp_') ? own.slice('resp_'.length) : own
    this.id = begun === null ? `resp_${this.key}` : id
    this.#begun = begun
    this.#facts = facts
    this.#model = model || facts.model
    this.#created = created || facts.created
  }

  /** Of the item at this index of the output. */
  itemId(prefix: 'msg' | 'fc' | 'ctc' | 'rs', index: number): string {
    return `${prefix}_${this.key}_${index}`
  }

  /** The whole object as JSON text; null = it has only begun. */
  write(end: ResponseEnd | null): string {
    const incomplete = end === null ? null : incompleteReason(end.reason)
    if (this.#begun !== null && end !== null) return this.#end(this.#begun, end, incomplete)
    const own = writeJson({
      id: this.id, object: 'response', created_at: this.#created,
      status: end === null ? 'in_progress' : incomplete === null ? 'completed' : 'incomplete', background: false,
      completed_at: end === null || incomplete !== null ? null : Math.max(this.#created, this.#facts.created), error: null, incomplete_details: incomplete === null ? null : { reason: incomplete },
      model: this.#model, output: end === null ? [] : end.output, previous_response_id: null, store: false,
    })
    this.#repeated ??= writeJson(repeated(this.#facts.call)).slice(1, -1)
    return `${own.slice(0, -1)},${this.#repeated},"usage":${end === null ? 'null' : writeJson(usageObject(end.usage))}}`
  }

  /** What it began with stays as it was said. */
  #end(begun: Readonly<Record<string, unknown>>, { output, usage }: ResponseEnd, incomplete: string | null): string {
    const told = Object.fromEntries(Object.entries(begun).map(([name, value]) => [name, new RawJson(JSON.stringify(value))]))
    return writeJson({
      ...told, status: incomplete === null ? 'completed' : 'incomplete', completed_at: incomplete === null ? Math.max(this.#created, this.#facts.created) : null,
      incomplete_details: incomplete === null ? null : { reason: incomplete }, output, usage: usageObject(usage),
    })
  }
}

/** What a response repeats of its request, with the defaults of the vendor in the place of what was not said. */
function repeated(call: Call | undefined): { readonly [name: string]: Writable } {
  const number = (lexeme: string | null | undefined, usual: number): Writable => lexeme == null ? usual : new RawJson(lexeme)
  const extra = (name: string, usual: Writable): Writable => new RawJson(call?.extras.get(name) ?? writeJson(usual))
  const choice = call?.toolChoice ?? null
  const custom = choice?.mode === 'one' && call?.tools.some(tool => tool.type === 'custom' && tool.name === choice.name) === true
  return {
    instructions: instructionsOf(call), max_output_tokens: call === undefined || call.maxTokens < 0 ? null : call.maxTokens, max_tool_calls: extra('max_tool_calls', null),
    metadata: extra('metadata', {}), parallel_tool_calls: call?.parallelTools ?? true, temperature: number(call?.temperature, 1), top_p: number(call?.topP, 1),
    frequency_penalty: 0, presence_penalty: 0, top_logprobs: extra('top_logprobs', 0), reasoning: { effort: effortOf(call), summary: call?.reasoning?.summary ?? null },
    text: { format: call?.responseFormat == null ? { type: 'text' } : encodeFormat(call.responseFormat), verbosity: extra('text.verbosity', 'medium') },
    tool_choice: choice === null ? 'auto' : choice.mode === 'one' ? { type: custom ? 'custom' : 'function', name: choice.name } : choice.mode,
    tools: (call?.tools ?? []).map(repeatTool), truncation: extra('truncation', 'disabled'), prompt_cache_key: extra('prompt_cache_key', null), safety_identifier: extra('safety_identifier', null),
    service_tier: 'default', user: call === undefined || call.user === '' ? null : call.user,
  }
}

function instructionsOf(call: Call | undefined): Writable {
  const first = call?.items[0]
  return first?.type === 'message' && first.role === 'system' && first.parts[0]?.type === 'text' && first.parts.length === 1 ? first.parts[0].text : null
}

const effortOf = (call: Call | undefined): Writable => call?.reasoning == null ? null : call.reasoning.enabled ? call.reasoning.effort || null : 'none'

function repeatTool(tool: Tool): Writable {
  if (tool.type === 'foreign') return new RawJson(tool.raw)
  const head = { type: tool.type, name: tool.name, description: tool.description === '' ? null : tool.description }
  if (tool.type === 'custom') return { ...head, format: tool.grammar === null ? { type: 'text' } : { type: 'grammar', ...tool.grammar } }
  return { ...head, parameters: tool.schema === '' ? null : new RawJson(tool.schema), strict: tool.strict ?? false }
}
