import { randomUUID } from 'node:crypto'
import type { Frame } from '../deliver.ts'
import { isObject, type Body } from '../dialect.ts'
import { choiceTokens, type Choice, type Generation, type ToolCall } from '../engine/generate.ts'
import { redact } from '../engine/signature.ts'
import { tokenize } from '../engine/tokens.ts'
import { logprobsOf, type Logprobs } from '../openai/render.ts'

/** The bodies below are checked against the vendor's own SDK types in `responses.test.ts`. */
type Status = 'in_progress' | 'completed' | 'incomplete'
type Logprob = Logprobs['content'][number]
interface TextPart { type: 'output_text', text: string, annotations: [], logprobs: Logprob[] }
interface SummaryPart { type: 'summary_text', text: string }

export type ItemBody =
  | { id: string, type: 'message', status: Status, role: 'assistant', content: TextPart[] }
  | { id: string, type: 'function_call', status: Status, call_id: string, name: string, arguments: string }
  | { id: string, type: 'custom_tool_call', status: Status, call_id: string, name: string, input: string }
  | { id: string, type: 'reasoning', status: Status, summary: SummaryPart[], encrypted_content?: string }

export type EventBody =
  | { type: 'response.created' | 'response.in_progress' | 'response.completed' | 'response.incomplete', sequence_number: number, response: ResponseBody }
  | { type: 'response.output_item.added' | 'response.output_item.done', sequence_number: number, output_index: number, item: ItemBody }
  | { type: 'response.content_part.added' | 'response.content_part.done', sequence_number: number, item_id: string, output_index: number, content_index: number, part: TextPart }
  | { type: 'response.output_text.delta', sequence_number: number, item_id: string, output_index: number, content_index: number, delta: string, logprobs: Logprob[] }
  | { type: 'response.output_text.done', sequence_number: number, item_id: string, output_index: number, content_index: number, text: string, logprobs: Logprob[] }
  | { type: 'response.reasoning_summary_part.added' | 'response.reasoning_summary_part.done', sequence_number: number, item_id: string, output_index: number, summary_index: number, part: SummaryPart }
  | { type: 'response.reasoning_summary_text.delta', sequence_number: number, item_id: string, output_index: number, summary_index: number, delta: string }
  | { type: 'response.reasoning_summary_text.done', sequence_number: number, item_id: string, output_index: number, summary_index: number, text: string }
  | { type: 'response.function_call_arguments.delta', sequence_number: number, item_id: string, output_index: number, delta: string }
  | { type: 'response.function_call_arguments.done', sequence_number: number, item_id: string, output_index: number, name: string, arguments: string }
  | { type: 'response.custom_tool_call_input.delta', sequence_number: number, item_id: string, output_index: number, delta: string }
  | { type: 'response.custom_tool_call_input.done', sequence_number: number, item_id: string, output_index: number, input: string }

export type ResponseBody = ReturnType<Rendering['response']>
/** Of each member of the union. */
type Unnumbered<T> = T extends unknown ? Omit<T, 'sequence_number'> : never

/** An item: as it begins, as it is in the end, and how it grows. */
interface RenderedItem { readonly begun: ItemBody, readonly whole: ItemBody, readonly growth: readonly { readonly body: Unnumbered<EventBody>, readonly tokens: number }[] }

/** One answer, and the request that it repeats. */
export class Rendering {
  readonly #request: Body
  readonly #model: string
  readonly #choice: Choice
  readonly #generation: Generation
  readonly #cached: number | null
  readonly #sealsThoughts: boolean
  readonly #id = randomUUID().replaceAll('-', '')
  readonly #created = Math.floor(Date.now() / 1_000)

  /** `cached`: tokens of the prompt that were seen before; null = too few to speak of. `sealed`: thoughts are never told. */
  constructor(request: Body, model: string, generation: Generation, cached: number | null, sealed: boolean) {
    const [choice] = generation.choices
    if (choice === undefined) throw new Error('An answer of this dialect has one choice.')
    this.#request = request
    this.#model = model
    this.#choice = choice
    this.#generation = generation
    this.#cached = cached
    this.#sealsThoughts = sealed
  }

  get tokens(): number {
    return choiceTokens(this.#choice)
  }

  whole(): ResponseBody {
    return this.response(this.#ending, this.#items().map(({ whole }) => whole))
  }

  /** The typed events, one token per event, numbered from 0. */
  * frames(): Generator<Frame> {
    let number = 0
    const frame = (body: Unnumbered<EventBody>, tokens: number): Frame => {
      const { type, ...rest } = body
      return { text: `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...rest })}\n\n`, tokens, terminator: false }
    }
    yield frame({ type: 'response.created', response: this.response('in_progress', []) }, 0)
    yield frame({ type: 'response.in_progress', response: this.response('in_progress', []) }, 0)
    for (const [output_index, { begun, whole, growth }] of this.#items().entries()) {
      yield frame({ type: 'response.output_item.added', output_index, item: begun }, 0)
      for (const { body, tokens } of growth) yield frame(body, tokens)
      yield frame({ type: 'response.output_item.done', output_index, item: whole }, 0)
    }
    const response = this.whole()
    yield frame({ type: response.status === 'completed' ? 'response.completed' : 'response.incomplete', response }, 0)
    // OpenAI sends none: the Open Responses specification does.
    yield { text: 'data: [DONE]\n\n', tokens: 0, terminator: true }
  }

  get #ending(): Status {
    return this.#choice.finish === 'length' ? 'incomplete' : 'completed'
  }

  #items(): readonly RenderedItem[] {
    const { thoughts, pieces, toolCalls } = this.#choice
    const items: RenderedItem[] = []
    if (thoughts.length > 0) items.push(this.#thought(thoughts, items.length))
    if (pieces.length > 0 || toolCalls.length === 0) items.push(this.#message(pieces, items.length))
    for (const call of toolCalls) items.push(this.#call(call, items.length))
    return items
  }

  #message(pieces: readonly string[], output_index: number): RenderedItem {
    const id = `msg_${this.#id}`
    const text = pieces.join('')
    const place = { item_id: id, output_index, content_index: 0 }
    const logprobs = logprobsOf(pieces, this.#generation)?.content ?? []
    const part = (told: string, tokens: Logprob[]): TextPart => ({ type: 'output_text', text: told, annotations: [], logprobs: tokens })
    return {
      begun: { id, type: 'message', status: 'in_progress', role: 'assistant', content: [] },
      whole: { id, type: 'message', status: this.#ending, role: 'assistant', content: [part(text, logprobs)] },
      growth: [
        { body: { type: 'response.content_part.added', ...place, part: part('', []) }, tokens: 0 },
        ...pieces.map((delta, at) => ({ body: { type: 'response.output_text.delta' as const, ...place, delta, logprobs: logprobs.slice(at, at + 1) }, tokens: 1 })),
        { body: { type: 'response.output_text.done', ...place, text, logprobs }, tokens: 0 },
        { body: { type: 'response.content_part.done', ...place, part: part(text, logprobs) }, tokens: 0 },
      ],
    }
  }

  #call(call: ToolCall, output_index: number): RenderedItem {
    const custom = ((this.#request['tools'] ?? []) as readonly Body[]).some((tool) => tool['type'] === 'custom' && tool['name'] === call.name)
    const args = call.argumentPieces.join('')
    const head = { call_id: call.id, name: call.name }
    if (custom) {
      const id = `ctc_${this.#id}_${output_index}`
      const input = String(JSON.parse(args))
      return {
        begun: { id, type: 'custom_tool_call', status: 'in_progress', ...head, input: '' }, whole: { id, type: 'custom_tool_call', status: 'completed', ...head, input },
        growth: [
          ...tokenize(input).map((delta) => ({ body: { type: 'response.custom_tool_call_input.delta' as const, item_id: id, output_index, delta }, tokens: 1 })),
          { body: { type: 'response.custom_tool_call_input.done', item_id: id, output_index, input }, tokens: 0 },
        ],
      }
    }
    const id = `fc_${this.#id}_${output_index}`
    return {
      begun: { id, type: 'function_call', status: 'in_progress', ...head, arguments: '' }, whole: { id, type: 'function_call', status: 'completed', ...head, arguments: args },
      growth: [
        ...call.argumentPieces.map((delta) => ({ body: { type: 'response.function_call_arguments.delta' as const, item_id: id, output_index, delta }, tokens: 1 })),
        { body: { type: 'response.function_call_arguments.done', item_id: id, output_index, name: call.name, arguments: args }, tokens: 0 },
      ],
    }
  }

  /** Thoughts are told where a summary is asked for, and given sealed where that is. Their id holds them: see `thoughtOf`. */
  #thought(thoughts: readonly string[], output_index: number): RenderedItem {
    const sealed = redact(thoughts.join(''))
    const id = `rs_${Buffer.from(sealed).toString('base64url')}`
    const { reasoning, include } = this.#request
    const shown = !this.#sealsThoughts && isObject(reasoning) && (reasoning['summary'] ?? reasoning['generate_summary']) != null ? thoughts : []
    const given = Array.isArray(include) && include.includes('reasoning.encrypted_content') ? { encrypted_content: sealed } : {}
    const part: SummaryPart = { type: 'summary_text', text: shown.join('') }
    const place = { item_id: id, output_index, summary_index: 0 }
    return {
      begun: { id, type: 'reasoning', status: 'in_progress', summary: [] },
      whole: { id, type: 'reasoning', status: 'completed', summary: shown.length === 0 ? [] : [part], ...given },
      growth: shown.length === 0 ? [] : [
        { body: { type: 'response.reasoning_summary_part.added', ...place, part: { type: 'summary_text', text: '' } }, tokens: 0 },
        ...shown.map((delta) => ({ body: { type: 'response.reasoning_summary_text.delta' as const, ...place, delta }, tokens: 1 })),
        { body: { type: 'response.reasoning_summary_text.done', ...place, text: part.text }, tokens: 0 },
        { body: { type: 'response.reasoning_summary_part.done', ...place, part }, tokens: 0 },
      ],
    }
  }

  /** What the vendor would repeat of the request is repeated as it came. */
  response(status: Status, output: ItemBody[]) {
    const asked = this.#request as Partial<Repeated> // its shape has been checked
    const ended = status !== 'in_progress'
    return {
      id: `resp_${this.#id}`, object: 'response' as const, created_at: this.#created, status, background: false, completed_at: status === 'completed' ? this.#created : null, error: null,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' as const } : null, instructions: asked.instructions ?? null, max_output_tokens: asked.max_output_tokens ?? null,
      max_tool_calls: asked.max_tool_calls ?? null, model: this.#model, output, parallel_tool_calls: asked.parallel_tool_calls ?? true, previous_response_id: null, prompt_cache_key: asked.prompt_cache_key ?? null,
      reasoning: { effort: asked.reasoning?.effort ?? null, summary: asked.reasoning?.summary ?? null }, safety_identifier: asked.safety_identifier ?? null, service_tier: 'default' as const,
      store: asked.store ?? true, temperature: asked.temperature ?? 1, text: { format: asked.text?.format ?? { type: 'text' as const }, verbosity: asked.text?.verbosity ?? 'medium' },
      tool_choice: asked.tool_choice ?? ('auto' as const), tools: (asked.tools ?? []).map(repeatTool), top_logprobs: asked.top_logprobs ?? 0, top_p: asked.top_p ?? 1, truncation: asked.truncation ?? 'disabled',
      presence_penalty: 0, frequency_penalty: 0, access_programs: null, output_text: undefined as unknown as string, // the SDK's own invention, and never on the wire
      usage: ended ? this.#usage() : null, user: asked.user ?? null, metadata: asked.metadata ?? {},
    }
  }

  #usage() {
    const { promptTokens } = this.#generation
    const { thoughts } = this.#choice
    return {
      input_tokens: promptTokens, input_tokens_details: { cached_tokens: this.#cached ?? 0, cache_write_tokens: 0 }, output_tokens: this.tokens, output_tokens_details: { reasoning_tokens: thoughts.length },
      total_tokens: promptTokens + this.tokens,
    }
  }
}

type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'
type FormatBody = { type: 'text' } | { type: 'json_object' } | { type: 'json_schema', name: string, schema: Record<string, unknown>, strict?: boolean | null }
type ToolBody = { type: 'function', name: string, parameters: Record<string, unknown> | null, strict: boolean | null, description?: string | null }
interface Repeated {
  instructions: string, max_output_tokens: number, max_tool_calls: number, parallel_tool_calls: boolean, prompt_cache_key: string, reasoning: { effort?: Effort, summary?: 'auto' | 'concise' | 'detailed' }
  safety_identifier: string, store: boolean, temperature: number, text: { format?: FormatBody, verbosity?: 'low' | 'medium' | 'high' }, tool_choice: 'none' | 'auto' | 'required', tools: ToolBody[]
  top_logprobs: number, top_p: number, truncation: 'auto' | 'disabled', user: string, metadata: Record<string, string>
}

/** What says nothing is held to its schema there. */
const repeatTool = (tool: ToolBody): ToolBody => tool.type === 'function' ? { ...tool, description: tool.description ?? null, parameters: tool.parameters ?? null, strict: tool.strict ?? true } : tool
