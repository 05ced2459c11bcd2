import {
  ApiError, FinishReason, FunctionCallingConfigMode, GoogleGenAI,
  type Content, type FunctionDeclaration, type GenerateContentParameters, type GenerationConfig, type Part, type Schema, type ThinkingConfig, type Tool,
} from '@google/genai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../main.ts'
import { SCHEMA_NAMES } from './check-schema.ts'
import type { AnswerBody, PartBody } from './render.ts'
import { FUNCTION, GENERATION, PART, THINKING, TOOL } from './request-shape.ts'
import { NO_SIGNATURE, signatureOf } from './signature.ts'

/** Compiled, and never run: what the engine emits is what the vendor's SDK says that the vendor emits. Its enumerations are strings on the wire. */
export const typed = {
  part: (body: PartBody): Part => body,
  usage: (body: AnswerBody['usageMetadata']): { promptTokenCount?: number, candidatesTokenCount?: number, totalTokenCount?: number, thoughtsTokenCount?: number, cachedContentTokenCount?: number } => body,
  finish: (reason: NonNullable<AnswerBody['candidates'][number]['finishReason']>): `${FinishReason}` => reason,
}

let sandbox: Sandbox
let url: string
let client: GoogleGenAI
beforeAll(async () => {
  sandbox = await startSandbox()
  url = `http://${sandbox.host}:${sandbox.port}`
  client = new GoogleGenAI({ apiKey: 'k-test', httpOptions: { baseUrl: url } })
})
afterAll(() => sandbox.close())

const ask = (params: Omit<GenerateContentParameters, 'model'> & { model?: string }) => client.models.generateContent({ model: 'echo', ...params })
const raw = (body: object, path = 'echo:generateContent', headers: Record<string, string> = { 'x-goog-api-key': 'k' }): Promise<Response> => fetch(`${url}/v1beta/models/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
const hello: Content[] = [{ role: 'user', parts: [{ text: 'Hello there, engine.' }] }]
const tools = [{ functionDeclarations: ['get_weather', 'get_time'].map((name) => ({ name, parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } } } })) }]
const called = (name: string, signature?: string): Content[] => [...hello, { role: 'model', parts: [{ functionCall: { id: 'c', name, args: {} }, ...(signature === undefined ? {} : { thoughtSignature: signature }) }] }]
const answered = (name: string, id?: string): Content => ({ role: 'user', parts: [{ functionResponse: { ...(id === undefined ? {} : { id }), name, response: { output: 'sunny' } } }] })

describe('what the engine takes', () => {
  it('are the fields that the SDK has types for, but for those of the cloud platform', () => {
    type Names<T> = Record<keyof T, true>
    const generation: Names<Omit<GenerationConfig, 'modelSelectionConfig' | 'routingConfig' | 'audioTimestamp'>> & { imageConfig: true } = {
      candidateCount: true, stopSequences: true, maxOutputTokens: true, temperature: true, topP: true, topK: true, seed: true, presencePenalty: true, frequencyPenalty: true, responseLogprobs: true, logprobs: true,
      responseMimeType: true, responseSchema: true, responseJsonSchema: true, responseModalities: true, mediaResolution: true, speechConfig: true, thinkingConfig: true, enableEnhancedCivicAnswers: true,
      enableAffectiveDialog: true, imageConfig: true, responseFormat: true, translationConfig: true, audioTranscriptionConfig: true,
    }
    const part: Names<Part> = {
      text: true, thought: true, thoughtSignature: true, inlineData: true, fileData: true, functionCall: true, functionResponse: true, executableCode: true, codeExecutionResult: true, toolCall: true, toolResponse: true,
      audioTranscription: true, videoMetadata: true, mediaResolution: true, partMetadata: true, mediaProcessing: true, speechMetadata: true,
    }
    const declaration: Names<FunctionDeclaration> = { name: true, description: true, parameters: true, parametersJsonSchema: true, response: true, responseJsonSchema: true, behavior: true }
    const tool: Names<Omit<Tool, 'retrieval' | 'enterpriseWebSearch' | 'exaAiSearch' | 'parallelAiSearch'>> = {
      functionDeclarations: true, googleSearch: true, googleSearchRetrieval: true, codeExecution: true, urlContext: true, computerUse: true, fileSearch: true, googleMaps: true, mcpServers: true,
    }
    const thinking: Names<ThinkingConfig> = { includeThoughts: true, thinkingBudget: true, thinkingLevel: true }
    const schema: Names<Schema> = {
      type: true, format: true, title: true, description: true, nullable: true, enum: true, maxItems: true, minItems: true, properties: true, required: true, minProperties: true, maxProperties: true, minLength: true,
      maxLength: true, pattern: true, example: true, anyOf: true, propertyOrdering: true, default: true, items: true, minimum: true, maximum: true,
    }
    const names = (fields: object): string[] => Object.keys(fields).toSorted()
    expect([GENERATION, PART, FUNCTION, TOOL, THINKING].map(names)).toEqual([generation, part, declaration, tool, thinking].map(names))
    expect([...SCHEMA_NAMES].toSorted()).toEqual(names(schema))
  })

  it.each<[string, object, string]>([
    ['an unknown field', { contents: hello, messages: [] }, 'Unknown name "messages"'],
    ['an unknown field of the configuration', { contents: hello, generationConfig: { max_tokens: 5 } }, "Unknown name \"maxTokens\" at 'generationConfig'"],
    ['no contents', { contents: [] }, 'contents'], ['a role that is none', { contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }, 'Please use a valid role'],
    ['a part without data', { contents: [{ role: 'user', parts: [{}] }] }, 'must have one initialized field'],
    ['a part with two kinds of data', { contents: [{ role: 'user', parts: [{ text: 'x', fileData: { fileUri: 'gs://x' } }] }] }, 'is already set'],
    ['a call without an answer', { contents: called('f') }, 'number of function response parts is equal'],
    ['an answer without a call', { contents: [...hello, answered('f')] }, 'function response turn comes immediately after a function call turn'],
    ['an answer to another call', { contents: [...called('f'), answered('g')] }, 'answers no function call'], ['an answer with another id', { contents: [...called('f'), answered('f', 'd')] }, 'answers no function call'],
    ['a signature that is not its own', { contents: [...called('f', 'AAAA'), answered('f')] }, 'Corrupted thought signature'],
    ['a budget beside a level', { contents: hello, generationConfig: { thinkingConfig: { thinkingBudget: 5, thinkingLevel: 'LOW' } } }, 'only one of thinking budget and thinking level'],
    ['JSON beside functions', { contents: hello, tools, generationConfig: { responseMimeType: 'application/json' } }, 'is unsupported'],
    ['a schema without JSON', { contents: hello, generationConfig: { responseSchema: { type: 'STRING' } } }, 'response mime type'],
    ['a rule that its schemas lack', { contents: hello, generationConfig: { responseMimeType: 'application/json', responseSchema: { type: 'OBJECT', additionalProperties: false } } }, 'Unknown name "additionalProperties"'],
    ['a function twice', { contents: hello, tools: [...tools, ...tools] }, 'Duplicate function declaration'],
    ['names beside AUTO', { contents: hello, tools, toolConfig: { functionCallingConfig: { mode: 'AUTO', allowedFunctionNames: ['get_time'] } } }, 'only when function calling mode is ANY'],
    ['a temperature above two', { contents: hello, generationConfig: { temperature: 2.1 } }, "at 'generationConfig.temperature'"], ['six stop sequences', { contents: hello, generationConfig: { stopSequences: ['a', 'b', 'c', 'd', 'e', 'f'] } }, 'stopSequences'],
    ['nine answers', { contents: hello, generationConfig: { candidateCount: 9 } }, 'candidateCount'],
  ])('refuses %s', async (_name, body, words) => {
    const answer = await raw(body)
    const { error } = await answer.json() as { error: { code: number, message: string, status: string } }
    expect([answer.status, error.code, error.status]).toEqual([400, 400, 'INVALID_ARGUMENT'])
    expect(error.message).toContain(words)
  })

  it('is spelled either way, and signed by the engine or by nobody', async () => {
    expect((await raw({ system_instruction: { parts: [{ text: 'x' }] }, contents: hello, generation_config: { max_output_tokens: '5', thinking_config: { thinking_budget: 0 } } })).status).toBe(200)
    for (const signature of [signatureOf('f'), NO_SIGNATURE]) expect((await raw({ contents: [...called('f', signature), answered('f', 'c')] })).status).toBe(200)
  })

  it('is refused without a key, and known by a key in a header or in the query', async () => {
    expect((await raw({ contents: hello }, 'echo:generateContent', {})).status).toBe(403)
    expect((await raw({ contents: hello }, 'echo:generateContent?key=k', {})).status).toBe(200)
  })
})

describe('the sandbox, driven by Google\'s SDK', () => {
  it('echoes the last user message and counts its tokens, also before', async () => {
    const answer = await ask({ contents: hello, config: { systemInstruction: 'Be brief.' } })
    expect([answer.text, answer.candidates?.[0]?.finishReason, answer.modelVersion]).toEqual(['Hello there, engine.', FinishReason.STOP, 'echo'])
    expect(answer.usageMetadata).toMatchObject({ promptTokenCount: 13, candidatesTokenCount: 3, totalTokenCount: 16 })
    expect((await client.models.countTokens({ model: 'echo', contents: hello })).totalTokens).toBe(7)
  })

  it('streams the same as events and as one array', async () => {
    const pieces: string[] = []
    let usage = 0
    for await (const chunk of await client.models.generateContentStream({ model: 'echo', contents: hello })) {
      pieces.push(chunk.text ?? '')
      usage = chunk.usageMetadata?.candidatesTokenCount ?? usage
    }
    expect([pieces.join(''), pieces.length, usage]).toEqual(['Hello there, engine.', 4, 3])
    const array = await (await raw({ contents: hello }, 'echo:streamGenerateContent')).json() as AnswerBody[]
    expect(array.map((each) => each.candidates[0]?.content.parts[0]?.text)).toEqual(pieces)
    expect(array.at(-1)?.candidates[0]?.finishReason).toBe('STOP')
  })

  it('thinks, signs the first of its calls, and takes them back', async () => {
    const asked: Content[] = [{ role: 'user', parts: [{ text: 'Ask get_weather and get_time.' }] }]
    const config = { tools, thinkingConfig: { includeThoughts: true, thinkingBudget: 1_024 } }
    const answer = await ask({ contents: asked, config })
    const said = answer.candidates?.[0]?.content ?? {}
    expect(said.parts?.map((part) => [part.thought ?? false, part.functionCall?.name, part.thoughtSignature])).toEqual([[true, undefined, undefined], [false, 'get_weather', signatureOf('get_weather')], [false, 'get_time', undefined]])
    expect(answer.usageMetadata?.thoughtsTokenCount).toBeGreaterThan(0)
    const results = (said.parts ?? []).flatMap(({ functionCall: call }) => call === undefined ? [] : [{ functionResponse: { ...(call.id === undefined ? {} : { id: call.id }), name: call.name ?? '', response: { output: `${call.name ?? ''} says so` } } }])
    expect((await ask({ contents: [...asked, said, { role: 'user', parts: results }], config })).text).toBe('get_weather says so\nget_time says so')
  })

  it('calls what must be called, and answers by a schema', async () => {
    const forced = await ask({ contents: hello, config: { tools, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['get_time'] } } } })
    expect(forced.functionCalls?.map((call) => call.name)).toEqual(['get_time'])
    const answer = await ask({ contents: hello, config: { responseMimeType: 'application/json', responseSchema: { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] } as Schema } })
    expect(JSON.parse(answer.text ?? '')).toMatchObject({ city: expect.any(String) as string })
  })

  it('raises the SDK\'s error with the status of each failure, and lists its models', async () => {
    for (const status of [429, 503, 500]) await expect(ask({ model: `fault:status=${status}`, contents: hello })).rejects.toMatchObject({ name: 'ApiError', status })
    await expect(ask({ model: 'nobody', contents: hello })).rejects.toBeInstanceOf(ApiError)
    const names: (string | undefined)[] = []
    for await (const model of await client.models.list()) names.push(model.name)
    expect(names).toEqual(['models/echo', 'models/lorem'])
    expect((await client.models.get({ model: 'echo' })).displayName).toBe('echo')
  })
})
