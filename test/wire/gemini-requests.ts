import fc from 'fast-check'
import { signatureOf, TEXT } from '../../packages/sandbox/src/google/signature.ts'

type Json = Readonly<Record<string, unknown>>

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq: 2 })
const words = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('Hello.', 'Trailing blank ', 'é𝄞', '{"a":1}', '"\\', '\u2028') }, { weight: 1, arbitrary: fc.constantFrom(' ', '\n') })
const PNG = 'iVBORw=='
const names = fc.uniqueArray(fc.constantFrom('weather', 'a-b_c', 'n'.repeat(64), 'a.b'), { minLength: 1, maxLength: 3 })
const response = fc.constantFrom<Json>({ output: 'sunny' }, { error: 'no' }, { deg: 20.5, list: [] }, { output: '{"a":1}' }, {})
const schema = fc.constantFrom<Json>(
  { type: 'OBJECT', properties: { a: { type: 'STRING', minLength: '1' } } }, { type: 'OBJECT', properties: { a: { type: 'INTEGER', nullable: true, format: 'int32' } }, required: ['a'], propertyOrdering: ['a'] },
  { type: 'OBJECT', properties: { a: { anyOf: [{ type: 'STRING', enum: ['x', 'y'] }, { type: 'NUMBER' }] } } },
)
const jsonSchema = fc.constantFrom<Json>({ type: 'object' }, { type: 'object', properties: { a: { type: 'string', pattern: '^x' } }, required: ['a'], additionalProperties: false })

/** A turn of calls, and what follows it. */
const calling = fc.record({ text: maybe(words), calls: fc.array(fc.record({ named: fc.nat(2), args: fc.constantFrom<Json>({ city: 'Köln' }, {}, { z: [1] }), response }), { minLength: 1, maxLength: 3 }), ids: fc.boolean(), signed: fc.boolean(), after: maybe(words) })
const turn = fc.oneof(fc.record({ user: words, media: fc.constantFrom('', 'image/png', 'application/pdf', 'audio/wav', 'video/mp4', 'url') }), fc.record({ model: words, thought: maybe(words), signed: fc.boolean() }), calling)
type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never

/** Requests that Google would take, most of them, with all that the neutral form can hold and some that it cannot. */
export const geminiRequest: fc.Arbitrary<Json> = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 5 }), names, own: fc.boolean(), schema, jsonSchema, tools: fc.boolean(), system: maybe(words), format: fc.constantFrom('', 'text/plain', 'application/json', 'schema', 'json-schema'),
  choice: fc.constantFrom('', 'AUTO', 'ANY', 'NONE', 'VALIDATED', 'one'), search: fc.boolean(), safety: fc.boolean(),
  config: fc.record({
    temperature: maybe(fc.constantFrom(0, 0.7, 1, 2)), topP: maybe(fc.constantFrom(0.5, 1)), topK: maybe(fc.constant(40)), maxOutputTokens: maybe(fc.constantFrom(1, 500, 3_000)), seed: maybe(fc.constant(7)),
    stopSequences: maybe(fc.constantFrom(['END'], ['a', 'b', 'c', 'd', 'e'], ['\n'])), presencePenalty: maybe(fc.constant(0.5)), candidateCount: maybe(fc.constantFrom(1, 2)), mediaResolution: maybe(fc.constant('MEDIA_RESOLUTION_LOW')),
    thinkingConfig: maybe(fc.constantFrom<Json>({ thinkingBudget: 2_000 }, { thinkingBudget: 0 }, { thinkingLevel: 'low', includeThoughts: true }, { includeThoughts: true }, { thinkingBudget: -1 })),
  }),
}).map((parts) => {
  const functions = parts.names.map(name => ({ name, description: 'Tells it.', ...(parts.own ? { parameters: parts.schema } : { parametersJsonSchema: parts.jsonSchema }) }))
  const tools = [...(parts.tools ? [{ functionDeclarations: functions }] : []), ...(parts.search ? [{ googleSearch: {} }] : [])]
  return {
    contents: parts.turns.flatMap((each, at) => contents(each, at, parts.tools ? parts.names : [])),
    systemInstruction: parts.system === undefined ? undefined : { parts: [{ text: parts.system }] },
    tools: tools.length === 0 ? undefined : tools,
    toolConfig: parts.choice === '' || !parts.tools ? undefined : { functionCallingConfig: parts.choice === 'one' ? { mode: 'ANY', allowedFunctionNames: parts.names.slice(0, 1) } : { mode: parts.choice } },
    safetySettings: parts.safety ? [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }] : undefined,
    generationConfig: { ...parts.config, ...format(parts.format, parts.schema, parts.jsonSchema) },
  }
})

function format(kind: string, schema: Json, jsonSchema: Json): Json {
  if (kind === 'schema') return { responseMimeType: 'application/json', responseSchema: schema }
  if (kind === 'json-schema') return { responseMimeType: 'application/json', responseJsonSchema: jsonSchema }
  return kind === '' ? {} : { responseMimeType: kind }
}

function contents(each: Turn, at: number, names: readonly string[]): readonly Json[] {
  if ('user' in each) {
    const media = each.media === '' ? [] : [each.media === 'url' ? { fileData: { mimeType: 'image/png', fileUri: 'https://x.test/a.png' } } : { inlineData: { mimeType: each.media, data: PNG } }]
    return [{ role: 'user', parts: [{ text: each.user }, ...media] }]
  }
  if ('model' in each) return [{ role: 'model', parts: [...(each.thought === undefined ? [] : [{ text: each.thought, thought: true }]), { text: each.model, ...(each.signed ? { thoughtSignature: signatureOf(TEXT) } : {}) }] }]
  if (names.length === 0) return []
  const calls = each.calls.map((call, index) => ({ ...call, name: names[call.named % names.length] ?? '', id: each.ids ? `c${at}_${index}` : undefined }))
  return [
    { role: 'user', parts: [{ text: 'Go.' }] },
    { role: 'model', parts: [...(each.text === undefined ? [] : [{ text: each.text }]), ...calls.map(({ name, args, id }, index) => ({ functionCall: { name, args, id }, ...(each.signed && index === 0 ? { thoughtSignature: signatureOf(name) } : {}) }))] },
    { role: 'user', parts: [...calls.map(({ name, response: said, id }) => ({ functionResponse: { name, response: said, id } })), ...(each.after === undefined ? [] : [{ text: each.after }])] },
  ]
}
