import Anthropic, { OverloadedError } from '@anthropic-ai/sdk'
import { expect } from 'vitest'
import { BOTH_RESULTS, CALL_BOTH, CALL_ONE, CITY_SCHEMA, eachBreak, eachFailure, endless, HELLO, PIXEL, resultOf, SAMPLE, SEE, SEEN, SYSTEM, TOOL_NAMES, WEATHER, type Failure, type Lane, type Sdk } from '../sdk.ts'

const CLASSES = {
  'rate limit': Anthropic.RateLimitError, 'overload': OverloadedError, 'bad request': Anthropic.BadRequestError, 'too long a prompt': Anthropic.BadRequestError, 'unknown model': Anthropic.NotFoundError, 'wrong key': Anthropic.AuthenticationError,
} as const satisfies Record<Failure, unknown>

const tools = TOOL_NAMES.map(name => ({ name, description: `Tells it (${name}).`, input_schema: CITY_SCHEMA }))
const clientOf = (lane: Lane, key = lane.key): Anthropic => new Anthropic({ baseURL: lane.url, apiKey: key, maxRetries: 0 })
const textOf = (message: Anthropic.Message): string => message.content.map(block => block.type === 'text' ? block.text : '').join('')

async function roundTrip(lane: Lane, question: string, stream: boolean, more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}): Promise<string> {
  const client = clientOf(lane)
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: question }]
  const request = { model: lane.model('echo'), max_tokens: 99, messages, tools, ...more, stream: false as const }
  const first = stream ? await client.messages.stream({ ...request, stream: true }).finalMessage() : await client.messages.create(request)
  expect(first.stop_reason).toBe('tool_use')
  if (more.thinking !== undefined) expect(first.usage.output_tokens_details?.thinking_tokens).toBeGreaterThan(0)
  const calls = first.content.filter(block => block.type === 'tool_use')
  for (const call of calls) expect(call.input).toEqual(SAMPLE)
  messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: calls.map(call => ({ type: 'tool_result', tool_use_id: call.id, content: resultOf(call.name) })) })
  return textOf(await client.messages.create(request))
}

export const anthropicMessages: Sdk = {
  name: '@anthropic-ai/sdk', speaks: 'Messages',
  checks: {
    async chat(lane) {
      const answer = await clientOf(lane).messages.create({ model: lane.model('echo'), max_tokens: 50, system: SYSTEM, messages: [{ role: 'user', content: HELLO }] })
      expect(answer).toMatchObject({ type: 'message', role: 'assistant', stop_reason: 'end_turn', content: [{ type: 'text', text: HELLO }], usage: { input_tokens: 13, output_tokens: 3 } })
    },
    async stream(lane) {
      const stream = clientOf(lane).messages.stream({ model: lane.model('echo'), max_tokens: 50, messages: [{ role: 'user', content: HELLO }] })
      let pieces = 0
      stream.on('text', () => { pieces++ })
      const answer = await stream.finalMessage()
      expect([textOf(answer), answer.stop_reason, answer.usage.output_tokens, pieces]).toEqual([HELLO, 'end_turn', 3, 3])
    },
    async tools(lane) {
      expect(await roundTrip(lane, CALL_ONE, false)).toBe(WEATHER)
    },
    async 'parallel tools'(lane) {
      for (const stream of [false, true]) expect(await roundTrip(lane, CALL_BOTH, stream)).toBe(BOTH_RESULTS)
    },
    async 'structured output'(lane) {
      const answer = await clientOf(lane).messages.parse({
        model: lane.model('echo'), max_tokens: 99, messages: [{ role: 'user', content: HELLO }], output_config: { format: { type: 'json_schema', schema: CITY_SCHEMA } },
      })
      expect(JSON.parse(textOf(answer))).toEqual(SAMPLE)
    },
    async images(lane) {
      const content = [{ type: 'text' as const, text: SEE }, { type: 'image' as const, source: { type: 'base64' as const, media_type: 'image/png' as const, data: PIXEL } }]
      expect(textOf(await clientOf(lane).messages.create({ model: lane.model('echo'), max_tokens: 99, messages: [{ role: 'user', content }] }))).toBe(SEEN)
    },
    async reasoning(lane) {
      for (const stream of [false, true]) {
        expect(await roundTrip(lane, CALL_ONE, stream, { max_tokens: 4_000, thinking: { type: 'enabled', budget_tokens: 2_000 } })).toBe(WEATHER)
      }
    },
    async abort(lane) {
      const engine = endless()
      const stream = clientOf(lane).messages.stream({ model: lane.model(engine), max_tokens: 100_000, messages: [{ role: 'user', content: HELLO }] })
      stream.once('text', () => { stream.abort() })
      await expect(stream.done()).rejects.toThrow(Anthropic.APIUserAbortError)
      await lane.aborted(engine)
    },
    errors: lane => eachFailure(lane, (model, key) => clientOf(lane, key).messages.create({ model, max_tokens: 9, messages: [{ role: 'user', content: HELLO }] }),
      (failure, raised) => {
        expect((raised as Error).constructor, failure).toBe(CLASSES[failure])
        if (failure === 'too long a prompt') expect((raised as Error).message).toContain('prompt is too long')
      }),
    'broken streams': lane => eachBreak(lane, model => clientOf(lane).messages.stream({ model, max_tokens: 99, messages: [{ role: 'user', content: HELLO }] }).finalMessage()),
  },
}
