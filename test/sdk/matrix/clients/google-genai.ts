import { ApiError, FinishReason, GoogleGenAI, type Content, type GenerateContentResponse } from '@google/genai'
import { expect } from 'vitest'
import { CALL_BOTH, CALL_ONE, CITY_SCHEMA, eachBreak, eachFailure, endless, HELLO, PIXEL, resultOf, SAMPLE, SEE, SEEN, SYSTEM, TIME, TOOL_NAMES, WEATHER, type Failure, type Lane, type Sdk } from '../sdk.ts'

const STATUSES = { 'rate limit': 429, 'overload': 503, 'bad request': 400, 'too long a prompt': 400, 'unknown model': 404, 'wrong key': 401 } as const satisfies Record<Failure, number>

const tools = [{ functionDeclarations: TOOL_NAMES.map(name => ({ name, description: `Tells it (${name}).`, parametersJsonSchema: CITY_SCHEMA })) }]
const modelsOf = (lane: Lane, key = lane.key): GoogleGenAI['models'] => new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: lane.url } }).models

async function collect(stream: AsyncIterable<GenerateContentResponse>): Promise<Content> {
  const parts = []
  for await (const chunk of stream) parts.push(...chunk.candidates?.[0]?.content?.parts ?? [])
  return { role: 'model', parts }
}

async function roundTrip(lane: Lane, question: string, stream: boolean, more: object = {}): Promise<string> {
  const contents: Content[] = [{ role: 'user', parts: [{ text: question }] }]
  const request = { model: lane.model('echo'), contents, config: { tools, ...more } }
  const said = stream ? await collect(await modelsOf(lane).generateContentStream(request)) : (await modelsOf(lane).generateContent(request)).candidates?.[0]?.content
  const calls = (said?.parts ?? []).flatMap(part => part.functionCall === undefined ? [] : [part.functionCall])
  for (const call of calls) expect(call.args).toEqual(SAMPLE)
  contents.push(said ?? {}, { role: 'user', parts: calls.map(({ id, name = '' }) => ({ functionResponse: { ...(id === undefined ? {} : { id }), name, response: { output: resultOf(name) } } })) })
  return (await modelsOf(lane).generateContent(request)).text ?? ''
}

export const googleGenai: Sdk = {
  name: '@google/genai', speaks: 'Gemini',
  checks: {
    async chat(lane) {
      const answer = await modelsOf(lane).generateContent({ model: lane.model('echo'), contents: HELLO, config: { systemInstruction: SYSTEM, maxOutputTokens: 50 } })
      expect([answer.text, answer.candidates?.[0]?.finishReason]).toEqual([HELLO, FinishReason.STOP])
      expect(answer.usageMetadata).toMatchObject({ promptTokenCount: 13, candidatesTokenCount: 3, totalTokenCount: 16 })
    },
    async stream(lane) {
      const pieces: string[] = []
      let last: GenerateContentResponse | null = null
      for await (const chunk of await modelsOf(lane).generateContentStream({ model: lane.model('echo'), contents: HELLO })) {
        if (chunk.text !== undefined && chunk.text !== '') pieces.push(chunk.text)
        last = chunk
      }
      expect([pieces.join(''), last?.candidates?.[0]?.finishReason, last?.usageMetadata?.candidatesTokenCount]).toEqual([HELLO, FinishReason.STOP, 3])
      expect(pieces.length).toBeGreaterThan(1)
    },
    async tools(lane) {
      expect(await roundTrip(lane, CALL_ONE, false)).toContain(WEATHER)
    },
    async 'parallel tools'(lane) {
      for (const stream of [false, true]) expect((await roundTrip(lane, CALL_BOTH, stream)).split('\n')).toEqual([expect.stringContaining(WEATHER), expect.stringContaining(TIME)])
    },
    async 'structured output'(lane) {
      const answer = await modelsOf(lane).generateContent({ model: lane.model('echo'), contents: HELLO, config: { responseMimeType: 'application/json', responseJsonSchema: CITY_SCHEMA } })
      expect(JSON.parse(answer.text ?? '')).toEqual(SAMPLE)
    },
    async images(lane) {
      const parts = [{ text: SEE }, { inlineData: { mimeType: 'image/png', data: PIXEL } }]
      expect((await modelsOf(lane).generateContent({ model: lane.model('echo'), contents: [{ role: 'user', parts }] })).text).toBe(SEEN)
    },
    async reasoning(lane) {
      for (const stream of [false, true]) expect(await roundTrip(lane, CALL_ONE, stream, { thinkingConfig: { thinkingBudget: 2_000 } })).toContain(WEATHER)
    },
    async abort(lane) {
      const engine = endless()
      const abort = new AbortController()
      const read = async (): Promise<void> => {
        for await (const chunk of await modelsOf(lane).generateContentStream({ model: lane.model(engine), contents: HELLO, config: { abortSignal: abort.signal } })) if (chunk.text !== '') abort.abort()
      }
      await expect(read()).rejects.toThrow(/abort/i)
      await lane.aborted(engine)
    },
    errors: lane => eachFailure(lane, (model, key) => modelsOf(lane, key).generateContent({ model, contents: HELLO }), (failure, raised) => {
      expect(raised, failure).toBeInstanceOf(ApiError)
      expect([failure, (raised as ApiError).status]).toEqual([failure, STATUSES[failure]])
    }),
    'broken streams': lane => eachBreak(lane, async (model) => {
      let reason: string | undefined
      for await (const chunk of await modelsOf(lane).generateContentStream({ model, contents: HELLO })) reason = chunk.candidates?.[0]?.finishReason ?? reason
      return reason
    }),
  },
}
