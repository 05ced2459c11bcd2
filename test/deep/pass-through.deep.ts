import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sendRaw } from '../harness/http-client.ts'
import { startPlainUpstream, type PlainUpstream } from '../harness/plain-upstream.ts'
import { MIB, watchMemory } from '../harness/process-memory.ts'
import { startHeadrace, type Headrace } from '../harness/start-headrace.ts'

const PASS_KEY = 'hr_test_passing_0123456789abcdefghij'
const SIZE = 25 * MIB

let upstream: PlainUpstream
let headrace: Headrace
beforeAll(async () => {
  upstream = await startPlainUpstream()
  headrace = await startHeadrace({ config: { providers: { up: { base_url: `${upstream.origin}/v1`, credentials: ['sk-provider-secret-canary-0123456789'] } }, keys: [{ name: 'passing', key: PASS_KEY, scopes: ['pass-through', 'inference'] }] } })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  await upstream?.stop()
})

interface Upload { readonly what: string, readonly path: string, readonly type: string, readonly before: string, readonly after: string }
const UPLOADS: readonly Upload[] = [
  { what: 'a file that is passed through', path: '/providers/up/v1/files', type: 'application/octet-stream', before: '', after: '' },
  {
    what: 'sound to transcribe', path: '/v1/audio/transcriptions', type: 'multipart/form-data; boundary=b',
    before: '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nup/m\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n', after: '\r\n--b--\r\n',
  },
  {
    what: 'sound to transcribe, before its model', path: '/v1/audio/transcriptions', type: 'multipart/form-data; boundary=b',
    before: '--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n', after: '\r\n--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nup/m\r\n--b--\r\n',
  },
]

const send = async ({ path, type, before, after }: Upload, content: Buffer, chunked: boolean): Promise<unknown> => {
  const body = Buffer.concat([Buffer.from(before), content, Buffer.from(after)])
  const answer = await sendRaw(headrace.port, { path, body, chunked, headers: [['authorization', `Bearer ${PASS_KEY}`], ['content-type', type]] }, 60_000)
  return JSON.parse(answer.body.toString())
}

it.each(UPLOADS.flatMap(upload => [{ ...upload, chunked: false }, { ...upload, chunked: true }]))('25 MB take no more than 8 MiB of memory on their way: $what (chunked: $chunked)', async ({ chunked, ...upload }) => {
  const content = randomBytes(SIZE)
  // What the provider has of it: the model's own name in the place of ours.
  const sent = Buffer.concat([Buffer.from(upload.before.replace('up/m', 'm')), content, Buffer.from(upload.after.replace('up/m', 'm'))])
  const digest = createHash('sha256').update(sent).digest('hex')
  // What the first such requests load, short and long, is not the upload's.
  for (let warm = 0; warm < 50; warm++) await send(upload, content.subarray(0, 65_536), chunked)
  await send(upload, content.subarray(0, 4 * MIB), chunked)
  const grown: number[] = []
  for (let round = 0; round < 3; round++) {
    const memory = watchMemory(headrace)
    expect(await send(upload, content, chunked)).toMatchObject({ bytes: sent.length, digest })
    grown.push(memory.stop())
  }
  process.stdout.write(`memory grew by ${grown.map(bytes => (bytes / MIB).toFixed(1)).join(', ')} MiB\n`)
  expect(Math.max(...grown)).toBeLessThan(8 * MIB)
}, 120_000)
