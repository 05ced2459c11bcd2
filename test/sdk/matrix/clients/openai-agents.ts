import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, run, setTracingDisabled, tool, type Model } from '@openai/agents'
import OpenAI from 'openai'
import { expect } from 'vitest'
import { BOTH_RESULTS, CALL_BOTH, CALL_ONE, CITY_SCHEMA, eachBreak, eachFailure, endless, HELLO, PIXEL_URL, resultOf, SAMPLE, SEE, SEEN, SYSTEM, TOOL_NAMES, WEATHER, type Failure, type Lane, type Sdk } from '../sdk.ts'

const CLASSES = {
  'rate limit': OpenAI.RateLimitError, 'overload': OpenAI.InternalServerError, 'bad request': OpenAI.BadRequestError, 'too long a prompt': OpenAI.BadRequestError, 'unknown model': OpenAI.NotFoundError, 'wrong key': OpenAI.AuthenticationError,
} as const satisfies Record<Failure, unknown>

const clientOf = (lane: Lane, key = lane.key): OpenAI => new OpenAI({ baseURL: `${lane.url}/v1`, apiKey: key, maxRetries: 0 })
const tools = TOOL_NAMES.map(name => tool({
  name, description: `Tells it (${name}).`, strict: true, parameters: { ...CITY_SCHEMA, required: ['city', 'days'] }, execute: async (input) => { expect(input).toEqual(SAMPLE); return resultOf(name) },
}))

function agents(speaks: string, modelOf: (client: OpenAI, model: string) => Model): Sdk {
  const agentOf = (lane: Lane, more: object = {}, model = lane.model('echo'), key = lane.key): Agent => {
    setTracingDisabled(true)
    return new Agent({ name: 'tester', instructions: SYSTEM, model: modelOf(clientOf(lane, key), model), ...more })
  }
  return {
    name: '@openai/agents', speaks,
    checks: {
      async chat(lane) {
        const result = await run(agentOf(lane), HELLO)
        expect([result.finalOutput, result.state.usage.inputTokens, result.state.usage.outputTokens]).toEqual([HELLO, 13, 3])
      },
      async stream(lane) {
        const result = await run(agentOf(lane), HELLO, { stream: true })
        const pieces = await Array.fromAsync(result.toTextStream() as AsyncIterable<string>)
        await result.completed
        expect([pieces.join(''), pieces.length, result.finalOutput]).toEqual([HELLO, 3, HELLO])
      },
      async tools(lane) {
        expect((await run(agentOf(lane, { tools }), CALL_ONE)).finalOutput).toBe(WEATHER)
      },
      async 'parallel tools'(lane) {
        expect((await run(agentOf(lane, { tools }), CALL_BOTH)).finalOutput).toBe(BOTH_RESULTS)
        const streamed = await run(agentOf(lane, { tools }), CALL_BOTH, { stream: true })
        await streamed.completed
        expect(streamed.finalOutput).toBe(BOTH_RESULTS)
      },
      async 'structured output'(lane) {
        expect((await run(agentOf(lane, { outputType: { type: 'json_schema', name: 'place', strict: true, schema: CITY_SCHEMA } }), HELLO)).finalOutput).toEqual(SAMPLE)
      },
      async images(lane) {
        const result = await run(agentOf(lane), [{ role: 'user', content: [{ type: 'input_text', text: SEE }, { type: 'input_image', image: PIXEL_URL }] }])
        expect(result.finalOutput).toBe(SEEN)
      },
      async reasoning(lane) {
        expect((await run(agentOf(lane, { tools, modelSettings: { reasoning: { effort: 'low' } } }), CALL_ONE)).finalOutput).toBe(WEATHER)
      },
      async abort(lane) {
        const engine = endless()
        const abort = new AbortController()
        const result = await run(agentOf(lane, {}, lane.model(engine)), HELLO, { stream: true, signal: abort.signal })
        try {
          for await (const piece of result.toTextStream() as AsyncIterable<string>) if (piece !== '') abort.abort()
          await result.completed
        } catch { /* It may say so by throwing, or just end. */ }
        await lane.aborted(engine)
      },
      errors: lane => eachFailure(lane, (model, key) => run(agentOf(lane, {}, model, key), HELLO), (failure, raised) => { expect((raised as Error).constructor, failure).toBe(CLASSES[failure]) }),
      'broken streams': lane => eachBreak(lane, async (model) => {
        const result = await run(agentOf(lane, {}, model), HELLO, { stream: true })
        await Array.fromAsync(result.toTextStream() as AsyncIterable<string>)
        await result.completed
        return result.finalOutput
      }),
    },
  }
}

export const agentsChat = agents('Chat Completions', (client, model) => new OpenAIChatCompletionsModel(client, model))
export const agentsResponses = agents('Responses', (client, model) => new OpenAIResponsesModel(client, model))
