import { ChatAnthropic } from '@langchain/anthropic'
import { ContextOverflowError } from '@langchain/core/errors'
import type { BaseChatModel } from '@langchain/core/language_models/chat_models'
import { AIMessage, HumanMessage, SystemMessage, ToolMessage, type AIMessageChunk, type BaseMessage } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'
import { expect } from 'vitest'
import { BOTH_RESULTS, CALL_BOTH, CALL_ONE, CITY_SCHEMA, eachBreak, eachFailure, endless, HELLO, PIXEL_URL, resultOf, SAMPLE, SEE, SEEN, SYSTEM, TOOL_NAMES, WEATHER, type Failure, type Lane, type Sdk } from '../sdk.ts'

type ModelOf = (lane: Lane, model: string, key?: string, thinks?: boolean) => BaseChatModel

const tools = TOOL_NAMES.map(name => ({ type: 'function' as const, function: { name, description: `Tells it (${name}).`, parameters: CITY_SCHEMA } }))

async function roundTrip(model: BaseChatModel, question: string, stream: boolean): Promise<string> {
  const messages: BaseMessage[] = [new HumanMessage(question)]
  const bound = model.bindTools?.(tools) ?? expect.fail('it takes no tools')
  const first = stream ? await collect(await bound.stream(messages)) : await bound.invoke(messages)
  const calls = first.tool_calls ?? []
  for (const call of calls) expect(call.args).toEqual(SAMPLE)
  messages.push(new AIMessage({ content: first.content, tool_calls: calls }), ...calls.map(call => new ToolMessage({ tool_call_id: call.id ?? '', content: resultOf(call.name) })))
  return (await bound.invoke(messages)).text
}

async function collect(stream: AsyncIterable<AIMessageChunk>): Promise<AIMessageChunk> {
  let whole: AIMessageChunk | null = null
  for await (const chunk of stream) whole = whole === null ? chunk : whole.concat(chunk)
  return whole ?? expect.fail('nothing came')
}

/** `overloaded`: the status that the dialect has for an overload. */
function langchain(name: string, speaks: string, modelOf: ModelOf, overloaded: number): Sdk {
  const statuses = { 'rate limit': 429, 'overload': overloaded, 'bad request': 400, 'too long a prompt': 400, 'unknown model': 404, 'wrong key': 401 } satisfies Record<Failure, number>
  const echo = (lane: Lane): BaseChatModel => modelOf(lane, lane.model('echo'))
  return {
    name, speaks,
    checks: {
      async chat(lane) {
        const answer = await echo(lane).invoke([new SystemMessage(SYSTEM), new HumanMessage(HELLO)])
        expect([answer.text, (answer as AIMessage).usage_metadata]).toEqual([HELLO, expect.objectContaining({ input_tokens: 13, output_tokens: 3, total_tokens: 16 })])
      },
      async stream(lane) {
        const pieces: string[] = []
        for await (const chunk of await echo(lane).stream(HELLO)) if (chunk.text !== '') pieces.push(chunk.text)
        expect([pieces.join(''), pieces.length]).toEqual([HELLO, 3])
      },
      async tools(lane) {
        expect(await roundTrip(echo(lane), CALL_ONE, false)).toBe(WEATHER)
      },
      async 'parallel tools'(lane) {
        for (const stream of [false, true]) expect(await roundTrip(echo(lane), CALL_BOTH, stream)).toBe(BOTH_RESULTS)
      },
      async 'structured output'(lane) {
        expect(await echo(lane).withStructuredOutput({ ...CITY_SCHEMA, title: 'place' }, { name: 'place', method: 'jsonSchema' }).invoke(HELLO)).toEqual(SAMPLE)
      },
      async images(lane) {
        const answer = await echo(lane).invoke([new HumanMessage({ content: [{ type: 'text', text: SEE }, { type: 'image_url', image_url: { url: PIXEL_URL } }] })])
        expect(answer.text).toBe(SEEN)
      },
      async reasoning(lane) {
        for (const stream of [false, true]) expect(await roundTrip(modelOf(lane, lane.model('echo'), lane.key, true), CALL_ONE, stream)).toBe(WEATHER)
      },
      async abort(lane) {
        const engine = endless()
        const abort = new AbortController()
        const read = async (): Promise<void> => {
          for await (const chunk of await modelOf(lane, lane.model(engine)).stream(HELLO, { signal: abort.signal })) if (chunk.text !== '') abort.abort()
        }
        await expect(read()).rejects.toThrow(/abort/i)
        await lane.aborted(engine)
      },
      errors: lane => eachFailure(lane, (model, key) => modelOf(lane, model, key).invoke(HELLO),
        (failure, raised) => {
          if (failure === 'too long a prompt') expect(ContextOverflowError.isInstance(raised)).toBe(true)
          else expect([failure, (raised as { status?: number }).status]).toEqual([failure, statuses[failure]])
        }),
      'broken streams': lane => eachBreak(lane, async model => (await collect(await modelOf(lane, model).stream(HELLO))).text),
    },
  }
}

export const langchainOpenaiChat = langchain('@langchain/openai', 'Chat Completions', (lane, model, key = lane.key, thinks = false) =>
  new ChatOpenAI({ model, apiKey: key, ...(thinks ? { modelKwargs: { reasoning_effort: 'low' } } : {}), maxRetries: 0, configuration: { baseURL: `${lane.url}/v1` }, streamUsage: true }), 503)
export const langchainOpenaiResponses = langchain('@langchain/openai', 'Responses', (lane, model, key = lane.key, thinks = false) =>
  new ChatOpenAI({ model, apiKey: key, useResponsesApi: true, ...(thinks ? { modelKwargs: { reasoning: { effort: 'low' } } } : {}), maxRetries: 0, configuration: { baseURL: `${lane.url}/v1` } }), 503)
export const langchainAnthropic = langchain('@langchain/anthropic', 'Messages', (lane, model, key = lane.key, thinks = false) =>
  new ChatAnthropic({ model, apiKey: key, maxRetries: 0, maxTokens: thinks ? 4_000 : 50, ...(thinks ? { thinking: { type: 'enabled', budget_tokens: 2_000 } } : {}), anthropicApiUrl: lane.url }), 529)
