import OpenAI from 'openai'
import { expect } from 'vitest'
import { BOTH_RESULTS, CALL_BOTH, CALL_ONE, CITY_SCHEMA, eachBreak, eachFailure, endless, HELLO, PIXEL_URL, resultOf, SAMPLE, SEE, SEEN, SYSTEM, TOOL_NAMES, WEATHER, type Failure, type Lane, type Sdk } from '../sdk.ts'

const CLASSES = {
  'rate limit': OpenAI.RateLimitError, 'overload': OpenAI.InternalServerError, 'bad request': OpenAI.BadRequestError, 'too long a prompt': OpenAI.BadRequestError, 'unknown model': OpenAI.NotFoundError, 'wrong key': OpenAI.AuthenticationError,
} as const satisfies Record<Failure, unknown>

type Messages = OpenAI.ChatCompletionMessageParam[]
const tools = TOOL_NAMES.map(name => ({ type: 'function' as const, function: { name, description: `Tells it (${name}).`, parameters: CITY_SCHEMA, strict: true } }))
const clientOf = (lane: Lane, key = lane.key): OpenAI => new OpenAI({ baseURL: `${lane.url}/v1`, apiKey: key, maxRetries: 0 })

async function roundTrip(lane: Lane, question: string, stream: boolean, more: { readonly reasoning_effort?: 'low' } = {}): Promise<string | null | undefined> {
  const client = clientOf(lane)
  const messages: Messages = [{ role: 'user', content: question }]
  const request = { model: lane.model('echo'), messages, tools, ...more }
  const first = stream ? await client.chat.completions.stream(request).finalChatCompletion() : await client.chat.completions.create(request)
  const message = first.choices[0]?.message
  expect(first.choices[0]?.finish_reason).toBe('tool_calls')
  if (more.reasoning_effort !== undefined) expect(first.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(0)
  const calls = (message?.tool_calls ?? []).filter(call => call.type === 'function')
  for (const call of calls) expect(JSON.parse(call.function.arguments)).toEqual(SAMPLE)
  if (message !== undefined) messages.push(message)
  messages.push(...calls.map(call => ({ role: 'tool' as const, tool_call_id: call.id, content: resultOf(call.function.name) })))
  return (await client.chat.completions.create(request)).choices[0]?.message.content
}

export const openaiChat: Sdk = {
  name: 'openai', speaks: 'Chat Completions',
  checks: {
    async chat(lane) {
      const answer = await clientOf(lane).chat.completions.create({ model: lane.model('echo'), messages: [{ role: 'system', content: SYSTEM }, { role: 'user', content: HELLO }], max_completion_tokens: 50 })
      expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant', content: HELLO } })
      expect(answer.usage).toMatchObject({ prompt_tokens: 13, completion_tokens: 3, total_tokens: 16 })
    },
    async stream(lane) {
      const stream = clientOf(lane).chat.completions.stream({ model: lane.model('echo'), messages: [{ role: 'user', content: HELLO }], stream_options: { include_usage: true } })
      let pieces = 0
      stream.on('content', () => { pieces++ })
      const answer = await stream.finalChatCompletion()
      expect([answer.choices[0]?.message.content, answer.choices[0]?.finish_reason, answer.usage?.completion_tokens]).toEqual([HELLO, 'stop', 3])
      expect(pieces).toBe(3)
    },
    async tools(lane) {
      expect(await roundTrip(lane, CALL_ONE, false)).toBe(WEATHER)
    },
    async 'parallel tools'(lane) {
      for (const stream of [false, true]) expect(await roundTrip(lane, CALL_BOTH, stream)).toBe(BOTH_RESULTS)
    },
    async 'structured output'(lane) {
      const answer = await clientOf(lane).chat.completions.parse({
        model: lane.model('echo'), messages: [{ role: 'user', content: HELLO }], response_format: { type: 'json_schema', json_schema: { name: 'place', schema: CITY_SCHEMA, strict: true } },
      })
      expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual(SAMPLE)
    },
    async images(lane) {
      const content = [{ type: 'text' as const, text: SEE }, { type: 'image_url' as const, image_url: { url: PIXEL_URL } }]
      const answer = await clientOf(lane).chat.completions.create({ model: lane.model('echo'), messages: [{ role: 'user', content }] })
      expect(answer.choices[0]?.message.content).toBe(SEEN)
    },
    async reasoning(lane) {
      expect(await roundTrip(lane, CALL_ONE, false, { reasoning_effort: 'low' })).toBe(WEATHER)
    },
    async abort(lane) {
      const engine = endless()
      const stream = await clientOf(lane).chat.completions.create({ model: lane.model(engine), messages: [{ role: 'user', content: HELLO }], stream: true })
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
      await lane.aborted(engine)
    },
    errors: lane => eachFailure(lane, (model, key) => clientOf(lane, key).chat.completions.create({ model, messages: [{ role: 'user', content: HELLO }] }),
      (failure, raised) => {
        expect((raised as Error).constructor, failure).toBe(CLASSES[failure])
        if (failure === 'too long a prompt') expect((raised as { code?: unknown }).code).toBe('context_length_exceeded')
      }),
    'broken streams': lane => eachBreak(lane, async model =>
      Array.fromAsync(await clientOf(lane).chat.completions.create({ model, messages: [{ role: 'user', content: HELLO }], stream: true }))),
  },
}
