import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { APICallError, generateText, jsonSchema, Output, stepCountIs, streamText, tool, type LanguageModel } from 'ai'
import { expect } from 'vitest'
import { BOTH_RESULTS, CALL_BOTH, CALL_ONE, CITY_SCHEMA, eachBreak, eachFailure, endless, HELLO, PIXEL, resultOf, SAMPLE, SEE, SEEN, SYSTEM, TOOL_NAMES, WEATHER, type Failure, type Lane, type Sdk } from '../sdk.ts'

type ModelOf = (lane: Lane, model: string, key?: string) => LanguageModel

const tools = Object.fromEntries(TOOL_NAMES.map(name => [name, tool({
  description: `Tells it (${name}).`, inputSchema: jsonSchema<typeof SAMPLE>(CITY_SCHEMA), execute: async (input) => { expect(input).toEqual(SAMPLE); return resultOf(name) },
})]))
const once = { maxRetries: 0 }

interface Dialect {
  /** The status that it has for an overload. */
  readonly overloaded: number
  /** How it is asked to think, in the provider's own options. */
  readonly thinking: NonNullable<Parameters<typeof generateText>[0]['providerOptions']>
}

function vercel(provider: string, speaks: string, modelOf: ModelOf, { overloaded, thinking }: Dialect): Sdk {
  const statuses = { 'rate limit': 429, 'overload': overloaded, 'bad request': 400, 'too long a prompt': 400, 'unknown model': 404, 'wrong key': 401 } satisfies Record<Failure, number>
  const echo = (lane: Lane): LanguageModel => modelOf(lane, lane.model('echo'))
  return {
    name: `ai, ${provider}`, speaks,
    checks: {
      async chat(lane) {
        const answer = await generateText({ ...once, model: echo(lane), system: SYSTEM, prompt: HELLO })
        expect([answer.text, answer.finishReason, answer.usage.inputTokens, answer.usage.outputTokens]).toEqual([HELLO, 'stop', 13, 3])
      },
      async stream(lane) {
        const answer = streamText({ ...once, model: echo(lane), prompt: HELLO })
        const pieces = await Array.fromAsync(answer.textStream)
        expect([pieces.join(''), await answer.finishReason, (await answer.usage).outputTokens]).toEqual([HELLO, 'stop', 3])
        expect(pieces.length).toBeGreaterThan(1)
      },
      async tools(lane) {
        expect((await generateText({ ...once, model: echo(lane), tools, stopWhen: stepCountIs(3), prompt: CALL_ONE })).text).toBe(WEATHER)
      },
      async 'parallel tools'(lane) {
        expect((await generateText({ ...once, model: echo(lane), tools, stopWhen: stepCountIs(3), prompt: CALL_BOTH })).text).toBe(BOTH_RESULTS)
        const streamed = streamText({ ...once, model: echo(lane), tools, stopWhen: stepCountIs(3), prompt: CALL_BOTH })
        expect(await streamed.text).toBe(BOTH_RESULTS)
      },
      async 'structured output'(lane) {
        const answer = await generateText({ ...once, model: echo(lane), output: Output.object({ schema: jsonSchema<typeof SAMPLE>(CITY_SCHEMA) }), prompt: HELLO })
        expect(answer.output).toEqual(SAMPLE)
      },
      async images(lane) {
        const answer = await generateText({ ...once, model: echo(lane), messages: [{ role: 'user', content: [{ type: 'text', text: SEE }, { type: 'file', mediaType: 'image/png', data: PIXEL }] }] })
        expect(answer.text).toBe(SEEN)
      },
      async reasoning(lane) {
        const answer = await generateText({ ...once, model: echo(lane), tools, stopWhen: stepCountIs(3), prompt: CALL_ONE, providerOptions: thinking })
        expect(answer.text).toBe(WEATHER)
      },
      async abort(lane) {
        const engine = endless()
        const abort = new AbortController()
        const answer = streamText({ ...once, model: modelOf(lane, lane.model(engine)), prompt: HELLO, abortSignal: abort.signal, onError: () => {} })
        for await (const piece of answer.textStream) if (piece !== '') abort.abort()
        await lane.aborted(engine)
      },
      errors: lane => eachFailure(lane, (model, key) => generateText({ ...once, model: modelOf(lane, model, key), prompt: HELLO }), (failure, raised) => {
        expect(APICallError.isInstance(raised), failure).toBe(true)
        const { statusCode, isRetryable } = raised as APICallError
        expect([failure, statusCode, isRetryable]).toEqual([failure, statuses[failure], failure === 'rate limit' || failure === 'overload'])
      }),
      'broken streams': lane => eachBreak(lane, async (model) => {
        const answer = streamText({ ...once, model: modelOf(lane, model), prompt: HELLO, onError: () => {} })
        for await (const part of answer.fullStream) if (part.type === 'error') throw part.error
        return answer.text
      }),
    },
  }
}

export const vercelOpenaiChat = vercel('@ai-sdk/openai', 'Chat Completions', (lane, model, key = lane.key) => createOpenAI({ baseURL: `${lane.url}/v1`, apiKey: key }).chat(model),
  { overloaded: 503, thinking: { openai: { reasoningEffort: 'low', forceReasoning: true } } })
export const vercelAnthropic = vercel('@ai-sdk/anthropic', 'Messages', (lane, model, key = lane.key) => createAnthropic({ baseURL: `${lane.url}/v1`, apiKey: key })(model),
  { overloaded: 529, thinking: { anthropic: { thinking: { type: 'enabled', budgetTokens: 2_000 } } } })
export const vercelOpenaiResponses = vercel('@ai-sdk/openai', 'Responses', (lane, model, key = lane.key) => createOpenAI({ baseURL: `${lane.url}/v1`, apiKey: key }).responses(model),
  { overloaded: 503, thinking: { openai: { reasoningEffort: 'low', forceReasoning: true } } })
export const vercelGoogle = vercel('@ai-sdk/google', 'Gemini', (lane, model, key = lane.key) => createGoogleGenerativeAI({ baseURL: `${lane.url}/v1beta`, apiKey: key })(model),
  { overloaded: 503, thinking: { google: { thinkingConfig: { thinkingBudget: 2_000 } } } })
