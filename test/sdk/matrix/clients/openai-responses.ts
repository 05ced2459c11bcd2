import OpenAI from 'openai'
import { expect } from 'vitest'
import { BOTH_RESULTS, CALL_BOTH, CALL_ONE, CITY_SCHEMA, eachBreak, eachFailure, endless, HELLO, PIXEL_URL, resultOf, SAMPLE, SEE, SEEN, SYSTEM, TOOL_NAMES, WEATHER, type Failure, type Lane, type Sdk } from '../sdk.ts'

const CLASSES = {
  'rate limit': OpenAI.RateLimitError, 'overload': OpenAI.InternalServerError, 'bad request': OpenAI.BadRequestError, 'too long a prompt': OpenAI.BadRequestError,
  'unknown model': OpenAI.NotFoundError, 'wrong key': OpenAI.AuthenticationError,
} as const satisfies Record<Failure, unknown>

type Input = OpenAI.Responses.ResponseInput
const tools = TOOL_NAMES.map(name => ({ type: 'function' as const, name, description: `Tells it (${name}).`, parameters: CITY_SCHEMA, strict: true }))
const clientOf = (lane: Lane, key = lane.key): OpenAI => new OpenAI({ baseURL: `${lane.url}/v1`, apiKey: key, maxRetries: 0 })

async function roundTrip(lane: Lane, question: string, stream: boolean, more: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {}): Promise<string> {
  const client = clientOf(lane)
  const input: Input = [{ role: 'user', content: question }]
  const request = { model: lane.model('echo'), input, tools, store: false, ...more, stream: false as const }
  const first = stream ? await client.responses.stream({ ...request, stream: true }).finalResponse() : await client.responses.create(request)
  expect(first.status).toBe('completed')
  if (more.reasoning !== undefined) expect(first.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0)
  const calls = (first.output as OpenAI.Responses.ResponseOutputItem[]).filter((item): item is OpenAI.Responses.ResponseFunctionToolCall => item.type === 'function_call')
  for (const call of calls) expect(JSON.parse(call.arguments)).toEqual(SAMPLE)
  // The stream helper adds a member of its own, which OpenAI refuses.
  const said = (first.output as Input).map(item => ({ ...item, parsed_arguments: undefined }))
  input.push(...said, ...calls.map(call => ({ type: 'function_call_output' as const, call_id: call.call_id, output: resultOf(call.name) })))
  return (await client.responses.create(request)).output_text
}

export const openaiResponses: Sdk = {
  name: 'openai', speaks: 'Responses',
  checks: {
    async chat(lane) {
      const answer = await clientOf(lane).responses.create({ model: lane.model('echo'), instructions: SYSTEM, input: HELLO, max_output_tokens: 50 })
      expect([answer.object, answer.status, answer.output_text]).toEqual(['response', 'completed', HELLO])
      expect(answer.usage).toMatchObject({ input_tokens: 13, output_tokens: 3, total_tokens: 16 })
    },
    async stream(lane) {
      const stream = clientOf(lane).responses.stream({ model: lane.model('echo'), input: HELLO })
      let pieces = 0
      stream.on('response.output_text.delta', () => { pieces++ })
      const answer = await stream.finalResponse()
      expect([answer.output_text, answer.status, answer.usage?.output_tokens, pieces]).toEqual([HELLO, 'completed', 3, 3])
    },
    async tools(lane) {
      expect(await roundTrip(lane, CALL_ONE, false)).toBe(WEATHER)
    },
    async 'parallel tools'(lane) {
      for (const stream of [false, true]) expect(await roundTrip(lane, CALL_BOTH, stream)).toBe(BOTH_RESULTS)
    },
    async 'structured output'(lane) {
      const answer = await clientOf(lane).responses.parse({
        model: lane.model('echo'), input: HELLO, text: { format: { type: 'json_schema', name: 'place', schema: CITY_SCHEMA, strict: true } },
      })
      expect(JSON.parse(answer.output_text)).toEqual(SAMPLE)
    },
    async images(lane) {
      const content = [{ type: 'input_text' as const, text: SEE }, { type: 'input_image' as const, image_url: PIXEL_URL, detail: 'auto' as const }]
      expect((await clientOf(lane).responses.create({ model: lane.model('echo'), input: [{ role: 'user', content }] })).output_text).toBe(SEEN)
    },
    async reasoning(lane) {
      for (const stream of [false, true]) {
        expect(await roundTrip(lane, CALL_ONE, stream, { reasoning: { effort: 'low' }, include: ['reasoning.encrypted_content'] })).toBe(WEATHER)
      }
    },
    async abort(lane) {
      const engine = endless()
      const stream = await clientOf(lane).responses.create({ model: lane.model(engine), input: HELLO, stream: true })
      for await (const event of stream) if (event.type === 'response.output_text.delta') break
      await lane.aborted(engine)
    },
    errors: lane => eachFailure(lane, (model, key) => clientOf(lane, key).responses.create({ model, input: HELLO }),
      (failure, raised) => {
        expect((raised as Error).constructor, failure).toBe(CLASSES[failure])
        if (failure === 'too long a prompt') expect((raised as { code?: unknown }).code).toBe('context_length_exceeded')
      }),
    // This SDK raises some failures of a stream and tells others by an event.
    'broken streams': lane => eachBreak(lane, async (model) => {
      let last = ''
      for await (const event of await clientOf(lane).responses.create({ model, input: HELLO, stream: true })) {
        last = event.type
        if (event.type === 'response.failed' || event.type === 'error') throw new Error(event.type)
      }
      return last
    }),
  },
}
