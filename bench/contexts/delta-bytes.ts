import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import OpenAI from 'openai'
import { deltaFetch } from '@headrace/client'
import { API_KEY, startHeadrace } from '../../test/harness/start-headrace.ts'
import type { Conversation, Message } from './conversations.ts'

/** Conversations that run at the same time. */
const AT_ONCE = 8

/**
 * Has each conversation over again through a real gateway with OpenAI's SDK, which sends all of it in every turn: once into a plain `fetch` that only counts, once
 * through `deltaFetch`. Returns how many times fewer bytes of bodies the second sends to the gateway. Throws if any provider saw, or any client got, something else.
 */
export async function deltaBytes(conversations: readonly Conversation[]): Promise<number> {
  const provider = await startProvider(conversations)
  const headrace = await startHeadrace({ config: { providers: { up: { dialect: 'openai-chat', base_url: provider.url, credentials: 'sk-upstream-0123456789' } }, contexts: {}, log: { calls: false } } })
  const bytes = { whole: 0, delta: 0 }
  const counting: typeof fetch = (input, init) => {
    bytes.delta += sizeOf(init?.body)
    return fetch(input, init)
  }
  try {
    const client = new OpenAI({ baseURL: `${headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0, fetch: deltaFetch(counting) })
    let next = 0
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let place = next++; place < conversations.length; place = next++) {
        const whole = await converse(client, conversations[place] ?? [], place)
        bytes.whole += whole
      }
    }))
    return bytes.whole / bytes.delta
  } finally {
    await headrace.stop()
    await provider.stop()
  }
}

/** Returns the bytes of the same requests sent whole. */
async function converse(client: OpenAI, conversation: Conversation, place: number): Promise<number> {
  let whole = 0
  const messages: Message[] = []
  for (const message of conversation) {
    if (message.role === 'assistant') {
      const request = { model: `up/${place}`, messages: messages as unknown as OpenAI.ChatCompletionMessageParam[] }
      whole += Buffer.byteLength(JSON.stringify(request))
      const { choices } = await client.chat.completions.create(request)
      messages.push(choices[0]?.message as unknown as Message)
    } else messages.push(message)
  }
  return whole
}

const sizeOf = (body: unknown): number => typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.byteLength : 0

/** Gives in each conversation the answer that was given; refuses a request that is not the conversation up to there. */
async function startProvider(conversations: readonly Conversation[]): Promise<{ readonly url: string, stop(): Promise<void> }> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { model, messages } = JSON.parse(Buffer.concat(chunks).toString()) as { model: string, messages: Message[] }
    const conversation = conversations[Number(model)] ?? []
    const asked = JSON.stringify(messages) === JSON.stringify(conversation.slice(0, messages.length))
    const text = asked ? JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', created: 1_700_000_000, model, choices: [{ index: 0, message: conversation[messages.length], logprobs: null, finish_reason: 'stop' }] })
      : JSON.stringify({ error: { message: `conversation ${model} came out wrong`, type: 'invalid_request_error' } })
    response.writeHead(asked ? 200 : 400, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
  }
  const server = createServer((request, response) => { void answer(request, response).catch(() => response.destroy()) })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stop: () => new Promise(resolve => { server.close(() => resolve()); server.closeAllConnections() }),
  }
}
