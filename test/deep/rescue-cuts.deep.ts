import { afterAll, beforeAll, expect, it } from 'vitest'
import { UNKNOWN_USAGE, type StreamEvent } from '@headrace/contract'
import { DIALECTS } from '../../packages/gateway/src/main.ts'
import { DialectClient } from '../harness/dialect-client.ts'
import type { ClientWire } from '../harness/dialect-judge.ts'
import { chunk, startScriptedUpstream, STREAM_HEAD, type ScriptedUpstream } from '../harness/scripted-upstream.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

const WIRES = ['openai-chat', 'openai-responses', 'anthropic-messages', 'google-gemini'] as const satisfies readonly ClientWire[]
/** Each word once, so that what is doubled or lost shows; characters of two, three and four bytes; what JSON escapes. */
const WORDS = 'The "quick" fóx\njumps over 水 and 🚀.'
/** Cuts at the same time. */
const CLIENTS = 16
/** Two further attempts are paid for by so many requests that need none (docs/resilience.md, the retry budget). */
const PLAIN_PER_CUT = 10

let upstream: ScriptedUpstream
let headrace: Headrace
let client: DialectClient
beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const timeouts = { connect: '5s', first_token: '20s', idle: '20s', total: '60s' }
  headrace = await startHeadrace({
    args: ['--workers', '1'],
    config: {
      providers: Object.fromEntries(WIRES.map(wire => [wire, { base_url: upstream.url, dialect: wire, credentials: ['sk-cuts-0123456789abcdef'], timeouts }])),
      // Each cut at a model of its own: a target that goes on failing would be left.
      models: Object.fromEntries(WIRES.map(wire => [`${wire}-*`, { targets: [`${wire}/cut-*`, 'sandbox/echo'], rescue: 'continue' }])),
    },
  })
  client = new DialectClient(() => headrace.port, API_KEY)
}, 30_000)
afterAll(async () => {
  client?.close()
  await headrace?.stop()
  await upstream?.stop()
})

/** What a provider of this dialect streams that says the words, or calls the tool with them. */
function streamOf(wire: ClientWire, tool: boolean): Buffer {
  const encoder = DIALECTS.translating[wire].createEncoder(true, { requestId: 'first', model: 'first', created: 1_760_000_000, includeUsage: true, array: false })
  const item = { choice: 0, item: 0 }
  const said: StreamEvent[] = tool
    ? [{ type: 'tool-start', ...item, id: 'call_1', name: 'save_words' }, ...(JSON.stringify({ words: WORDS }).match(/.{1,12}/gsu) ?? []).map(text => ({ type: 'tool-delta', ...item, text }) as const)]
    : (WORDS.match(/.{1,9}/gsu) ?? []).map(text => ({ type: 'text-delta', ...item, text }))
  const events: StreamEvent[] = [
    { type: 'start', id: 'first_1', model: 'first', created: 1_760_000_000 }, ...said, { type: 'item-end', ...item }, { type: 'usage', usage: { ...UNKNOWN_USAGE, inputTokens: 20, outputTokens: 9 } },
    { type: 'finish', choice: 0, reason: tool ? 'tool-calls' : 'stop', raw: tool ? 'tool_calls' : 'stop', sequence: '' }, { type: 'end' },
  ]
  return Buffer.from(events.map(event => encoder.event(event)).join(''), 'latin1')
}

it.each(WIRES.flatMap(wire => [{ wire, what: 'text', tool: false }, { wire, what: 'a tool call', tool: true }]))('$wire: $what that breaks off behind any of its bytes comes whole, each character once', async ({ wire, tool }) => {
  const bytes = streamOf(wire, tool)
  upstream.on('*', (socket, { model }) => { socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(bytes.subarray(0, Number(model.split('-').at(-1))))])) })
  const wrongs: string[] = []
  let rescued = 0
  // Before its first item a response says nothing, at length.
  let next = Math.max(1, bytes.indexOf('event: response.output_item.added'))
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    while (next < bytes.length) {
      const cut = next++
      for (let plain = 0; plain < PLAIN_PER_CUT; plain++) await client.ask({ wire: 'openai-chat', model: 'sandbox/echo', prompt: 'x', stream: false })
      const { ending, text, why, raw } = await client.ask({ wire, model: `${wire}-${tool ? 'tool' : 'text'}-${cut}`, prompt: WORDS, stream: true, tool })
      if (raw.includes(': headrace-rescue ')) rescued++
      if (ending !== 'whole' || text !== WORDS) wrongs.push(`behind ${cut} of ${bytes.length} bytes: ${ending} ${why} ${JSON.stringify(text)} ${raw.slice(-600)}`)
    }
  }))
  expect([wrongs.length, wrongs.slice(0, 3)]).toEqual([0, []])
  // Gemini's calls come in one piece: what is missing then is the end.
  expect(rescued > 0).toBe(!tool || wire !== 'google-gemini')
})
