import fc from 'fast-check'
import { redact } from '../../packages/sandbox/src/engine/signature.ts'

type Json = Readonly<Record<string, unknown>>

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq: 2 })
const words = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('Hello.', 'Trailing blank ', 'é𝄞', '{"a":1}', '"\\', '\u2028', 'Answer in JSON.') }, { weight: 1, arbitrary: fc.constantFrom(' ', '', '\n') })
const name = fc.constantFrom('weather', 'a-b_c', 'n'.repeat(64))
const schema = fc.constantFrom<Json>(
  { type: 'object', properties: {} }, { type: 'object', properties: { a: { type: 'string', minLength: 1 } } },
  { type: 'object', properties: { a: { type: ['integer', 'null'], minimum: 1 } }, required: ['a'], additionalProperties: false }, { type: 'object', properties: {}, required: [], additionalProperties: false },
)
const PNG = 'data:image/png;base64,iVBORw=='
const PDF = 'data:application/pdf;base64,JVBERg=='
const MEDIA: Readonly<Record<string, Json>> = {
  'image': { type: 'input_image', image_url: PNG, detail: 'low' }, 'url': { type: 'input_image', image_url: 'https://x.test/a.png', detail: 'auto' }, 'file': { type: 'input_file', filename: 'a.pdf', file_data: PDF },
}

const thought = fc.constantFrom('', 'summed up', 'sealed')
const calling = fc.record({
  text: maybe(words), thought, calls: fc.array(fc.record({ named: fc.nat(2), input: fc.constantFrom('{"city":"Köln"}', '{"b":1.0,"a":[]}', '{}', 'no json'), output: words, image: fc.boolean() }), { minLength: 1, maxLength: 3 }), after: maybe(words),
})
const turn = fc.oneof(
  fc.record({ user: words, media: fc.constantFrom('', ...Object.keys(MEDIA)) }), fc.record({ said: words, thought, refusal: maybe(words), phase: maybe(fc.constantFrom('commentary', 'final_answer')) }), calling,
  fc.record({ role: fc.constantFrom('system', 'developer'), told: words }), fc.record({ foreign: fc.constantFrom('web_search_call', 'mcp_call') }),
)
type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never

/** Requests that OpenAI would take, most of them, with all that the neutral form can hold and some that it cannot. */
export const responsesRequest: fc.Arbitrary<Json> = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 5 }), names: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }), schema, strict: maybe(fc.boolean()), custom: fc.boolean(), search: fc.boolean(),
  choice: fc.constantFrom(undefined, 'none', 'auto', 'required', 'one'), format: fc.constantFrom('', 'text', 'json_object', 'json_schema'), verbosity: maybe(fc.constant('low')), thinks: fc.boolean(),
  body: fc.record({
    instructions: maybe(words), stream: maybe(fc.boolean()), temperature: maybe(fc.constantFrom(0, 0.7, 1, 2)), top_p: maybe(fc.constantFrom(0.5, 1)), max_output_tokens: maybe(fc.constantFrom(16, 500, 30_000)),
    parallel_tool_calls: maybe(fc.boolean()), user: maybe(fc.constant('u')), reasoning: maybe(fc.constantFrom<Json>({ effort: 'low' }, { effort: 'none' }, { effort: 'high', summary: 'auto' }, { summary: 'auto' })),
    metadata: maybe(fc.constant({ a: 'b' })), truncation: maybe(fc.constant('disabled')), include: maybe(fc.constant(['reasoning.encrypted_content'])), prompt_cache_key: maybe(fc.constant('k')),
  }),
}).map(parts => {
  const { names, custom } = parts
  const tools = [
    ...names.map((each, index) => custom && index === 0 ? { type: 'custom', name: each, format: { type: 'grammar', syntax: 'regex', definition: 'a+' } } : { type: 'function', name: each, description: 'Tells it.', parameters: parts.schema, strict: parts.strict }),
    ...(parts.search ? [{ type: 'web_search' }] : []),
  ]
  return {
    model: 'm', store: false, ...parts.body, tools, tool_choice: parts.choice === 'one' ? { type: custom ? 'custom' : 'function', name: names[0] } : parts.choice,
    input: parts.turns.flatMap((each, at) => items(each, at, names, custom)), text: textOf(parts.format, parts.schema, parts.verbosity),
  }
})

function textOf(kind: string, schemaOf: Json, verbosity: string | undefined): Json | undefined {
  if (kind === '') return verbosity === undefined ? undefined : { verbosity }
  return { format: kind === 'json_schema' ? { type: kind, name: 's', schema: schemaOf, strict: false } : { type: kind }, verbosity }
}

function thoughts(kind: string, at: number): readonly Json[] {
  if (kind === '') return []
  return [{ type: 'reasoning', id: `rs_${at}`, summary: kind === 'sealed' ? [] : [{ type: 'summary_text', text: 'Hm.' }], encrypted_content: redact('Hm.') }]
}

function items(each: Turn, at: number, names: readonly string[], custom: boolean): readonly Json[] {
  if ('user' in each) {
    const media = MEDIA[each.media]
    return [{ role: 'user', content: media === undefined ? each.user : [{ type: 'input_text', text: each.user }, media] }]
  }
  if ('said' in each) {
    const content = [{ type: 'output_text', text: each.said, annotations: [] }, ...(each.refusal === undefined ? [] : [{ type: 'refusal', refusal: each.refusal }])]
    return [...thoughts(each.thought, at), { type: 'message', id: `msg_${at}`, status: 'completed', role: 'assistant', phase: each.phase, content }]
  }
  if ('role' in each) return [{ role: each.role, content: each.told }]
  if ('foreign' in each) return [{ type: each.foreign, id: `x_${at}`, status: 'completed' }]
  const calls = each.calls.map((call, index) => ({ ...call, name: names[call.named % names.length] ?? '', id: `call_${at}_${index}`, custom: custom && call.named % names.length === 0 }))
  return [
    { role: 'user', content: 'Go.' }, ...thoughts(each.thought, at), ...(each.text === undefined ? [] : [{ role: 'assistant', content: each.text }]),
    ...calls.map(call => call.custom ? { type: 'custom_tool_call', call_id: call.id, name: call.name, input: call.input } : { type: 'function_call', id: `fc_${call.id}`, call_id: call.id, name: call.name, arguments: call.input, status: 'completed' }),
    ...calls.map(call => ({ type: call.custom ? 'custom_tool_call_output' : 'function_call_output', call_id: call.id, output: call.image ? [{ type: 'input_text', text: call.output }, MEDIA['image']] : call.output })),
    ...(each.after === undefined ? [] : [{ role: 'user', content: each.after }]),
  ]
}
