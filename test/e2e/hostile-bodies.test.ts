import { afterAll, beforeAll, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { sendRaw, type RawAnswer } from '../harness/http-client.ts'
import { MIB, watchMemory } from '../harness/process-memory.ts'
import { API_KEY, type Headrace, startHeadrace, WORKER_DIED } from '../harness/start-headrace.ts'

let sandbox: Sandbox
let headrace: Headrace
beforeAll(async () => {
  sandbox = await startSandbox()
  const base = { base_url: `http://${sandbox.host}:${sandbox.port}/v1`, credentials: ['sk-sandbox-0123456789abcdef'] }
  headrace = await startHeadrace({
    args: ['--no-sandbox'],
    config: { providers: { chat: base, claude: { ...base, dialect: 'anthropic-messages' } }, models: { chat: 'chat/echo', claude: 'claude/echo' }, relay: { max_attempts: 1 } },
  })
}, 20_000)
afterAll(async () => {
  await headrace?.stop()
  await sandbox?.close()
})

const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth)
const said = (content: string): string => `"messages":[{"role":"user","content":${content}}]`
const bytes = (before: string, middle: readonly number[], after: string): Buffer => Buffer.concat([Buffer.from(before), Buffer.from(middle), Buffer.from(after)])

/** Bodies after the model's name, as a client may write them that means harm or has a bug. */
const BODIES: readonly (readonly [name: string, body: (model: string) => string | Buffer])[] = [
  ['a million brackets', model => `{"model":"${model}",${said('"x"')},"extra":${nested(1_000_000)}}`],
  ['a million brackets that are never closed', model => `{"model":"${model}",${said('"x"')},"extra":${'['.repeat(1_000_000)}`],
  ['half a million objects in each other', model => `{"model":"${model}",${said('"x"')},"extra":${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}}`],
  ['a content of thousands of levels', model => `{"model":"${model}",${said(nested(3_000))}}`],
  ['tools of thousands of levels', model => `{"model":"${model}",${said('"x"')},"tools":[{"type":"function","function":{"name":"f","parameters":${'{"items":'.repeat(2_000)}{}${'}'.repeat(2_000)}}}]}`],
  ['the model named twice', model => `{"model":"nobody","model":"${model}",${said('"x"')}}`],
  ['the messages twice', model => `{"model":"${model}",${said('"first"')},${said('"second"')}}`],
  ['__proto__ and constructor', model => `{"model":"${model}",${said('"x"')},"__proto__":{"stream":true},"constructor":{"prototype":{"isAdmin":true}}}`],
  ['__proto__ in a message', model => `{"model":"${model}","messages":[{"__proto__":{"role":"user"},"role":"user","content":"x"}]}`],
  ['a lone surrogate', model => `{"model":"${model}",${said('"a\\ud800b"')}}`],
  ['a lone surrogate in the model', () => `{"model":"a\\udfff",${said('"x"')}}`],
  ['bytes that are not UTF-8', model => bytes(`{"model":"${model}","messages":[{"role":"user","content":"`, [0xff, 0xfe, 0xc0, 0xaf, 0xed, 0xa0, 0x80], '"}]}')],
  ['bytes that are not UTF-8 in the model', () => bytes('{"model":"', [0xc3, 0x28], `",${said('"x"')}}`)],
  ['a byte order mark', model => bytes('', [0xef, 0xbb, 0xbf], `{"model":"${model}",${said('"x"')}}`)],
  ['UTF-16', model => Buffer.from(`{"model":"${model}",${said('"x"')}}`, 'utf16le')],
  ['a NUL in a text', model => `{"model":"${model}",${said('"a\\u0000b"')}}`],
  ['a raw line end in a text', model => `{"model":"${model}",${said('"a\nb"')}}`],
  ['a number without end', model => `{"model":"${model}",${said('"x"')},"seed":${'9'.repeat(100_000)}}`],
  ['an exponent without end', model => `{"model":"${model}",${said('"x"')},"temperature":1e999999999}`],
  ['max_tokens of 2^53 + 1', model => `{"model":"${model}",${said('"x"')},"max_tokens":9007199254740993}`],
  ['max_tokens below nothing', model => `{"model":"${model}",${said('"x"')},"max_tokens":-1}`],
  ['n of a million', model => `{"model":"${model}",${said('"x"')},"n":1000000}`],
  ['a hundred thousand members', model => `{"model":"${model}",${said('"x"')},${Array.from({ length: 100_000 }, (_, index) => `"k${index}":${index}`).join(',')}}`],
  ['twenty thousand messages', model => `{"model":"${model}","messages":[${'{"role":"user","content":"x"},'.repeat(20_000)}{"role":"user","content":"last"}]}`],
  ['hashes that collide, if keys are hashed by their length', model => `{"model":"${model}",${said('"x"')},"metadata":{${Array.from({ length: 20_000 }, (_, index) => `"${String(index).padStart(40, 'a')}":""`).join(',')}}}`],
  ['JSON within JSON', model => JSON.stringify(`{"model":"${model}",${said('"x"')}}`)],
  ['a list', model => `[{"model":"${model}",${said('"x"')}}]`],
  ['null', () => 'null'],
  ['nothing', () => ''],
  ['blanks', () => ' '.repeat(1_000_000)],
  ['what follows the end', model => `{"model":"${model}",${said('"x"')}}{"model":"nobody"}`],
  ['half of it', model => `{"model":"${model}","messages":[{"role":"us`],
  ['a comma too many', model => `{"model":"${model}",${said('"x"')},}`],
  ['single quotes', model => `{'model':'${model}','messages':[]}`],
  ['messages that are a number', model => `{"model":"${model}","messages":7}`],
  ['a role that is an object', model => `{"model":"${model}","messages":[{"role":{"a":1},"content":"x"}]}`],
  ['stream that is a text', model => `{"model":"${model}",${said('"x"')},"stream":"true"}`],
  ['a model that is a list', () => `{"model":["chat"],${said('"x"')}}`],
  ['a model of a megabyte', () => `{"model":"${'m'.repeat(MIB)}",${said('"x"')}}`],
  ['a text of eight megabytes', model => `{"model":"${model}",${said(`"${'y'.repeat(8 * MIB)}"`)}}`],
  ['escapes only', model => `{"model":"${model}",${said(`"${'\\u0041'.repeat(100_000)}"`)}}`],
]

/** Each path with the targets of its bodies: of its own dialect, and of another one. */
const PATHS = [['/v1/chat/completions', ['chat', 'claude']], ['/v1/messages', ['claude', 'chat']], ['/v1/responses', ['chat']], ['/v1/embeddings', ['chat']], ['/v1/messages/count_tokens', ['chat']]] as const
const post = (path: string, body: string | Buffer): Promise<RawAnswer> =>
  sendRaw(headrace.port, { path, body, headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json'], ['anthropic-version', '2023-06-01']] }, 60_000)

it.each(PATHS)('%s: no body makes the gateway fail, hang or grow, and it takes the next request as ever', { timeout: 120_000 }, async (path, models) => {
  const well = JSON.stringify({ model: 'chat', max_tokens: 9, messages: [{ role: 'user', content: 'well' }] })
  expect((await post('/v1/chat/completions', well)).body.toString()).toContain('"content":"well"')
  const memory = watchMemory(headrace)
  for (const [name, body] of BODIES) {
    for (const model of models) {
      const { status, complete, body: told } = await post(path, body(model))
      const said = `${name}, model ${model}: ${status} ${told.toString('latin1', 0, 300)}`
      expect(complete, said).toBe(true)
      expect([200, 400, 403, 404, 413, 422], said).toContain(status)
      if (status !== 200) expect(JSON.parse(told.toString()), said).toMatchObject({ error: { message: expect.any(String) } })
    }
  }
  // The largest of them is 8 MiB: what it costs beyond itself is bounded (Envoy calls a hundred times as much an attack).
  expect(memory.stop()).toBeLessThan(40 * 8 * MIB)
  expect(headrace.output()).not.toMatch(WORKER_DIED)
  expect((await post('/v1/chat/completions', well)).body.toString()).toContain('"content":"well"')
})
