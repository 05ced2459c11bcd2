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
  headrace = await startHeadrace({ config: { providers: { up: { base_url: `${upstream.origin}/v1`, credentials: ['sk-provider-secret-canary-0123456789'] } }, keys: [{ name: 'passing', key: PASS_KEY, scopes: ['pass-through'] }] } })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  await upstream?.stop()
})

const upload = async (body: Buffer, chunked: boolean): Promise<unknown> => {
  const answer = await sendRaw(headrace.port, { path: '/providers/up/v1/files', body, chunked, headers: [['authorization', `Bearer ${PASS_KEY}`], ['content-type', 'application/octet-stream']] }, 60_000)
  return JSON.parse(answer.body.toString())
}

it.each([{ chunked: false }, { chunked: true }])('a 25 MB upload takes no more than 8 MiB of memory on its way (chunked: $chunked)', async ({ chunked }) => {
  const body = randomBytes(SIZE)
  const digest = createHash('sha256').update(body).digest('hex')
  // What the first such request loads is not the upload's.
  for (let warm = 0; warm < 50; warm++) await upload(body.subarray(0, 65_536), chunked)
  const grown: number[] = []
  for (let round = 0; round < 3; round++) {
    const memory = watchMemory(headrace)
    expect(await upload(body, chunked)).toMatchObject({ bytes: SIZE, digest })
    grown.push(memory.stop())
  }
  process.stdout.write(`memory grew by ${grown.map(bytes => (bytes / MIB).toFixed(1)).join(', ')} MiB\n`)
  expect(Math.max(...grown)).toBeLessThan(8 * MIB)
}, 120_000)
