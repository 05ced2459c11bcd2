import { afterEach, expect, it } from 'vitest'
import { chatBody } from '../harness/completions.ts'
import { sendRaw } from '../harness/http-client.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
afterEach(() => rig?.stop())

const MIB = 2 ** 20

it('a worker that may use little refuses a large body with its head, in the dialect of the client, and goes on with small ones', async () => {
  // 144 MiB are usable, and a quarter of what the worker itself leaves of them is less than 30.
  rig = await startRig({ config: () => ({ server: { limits: { memory: '160MiB' } } }) })
  rig.upstream.on('m', answerJson({ ok: true }))
  const announce = (path: string, line: string) =>
    sendRaw(rig.headrace.port, Buffer.from(`POST ${path} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer ${API_KEY}\r\n${line}content-length: ${30 * MIB}\r\n\r\n`))
  const refused = await announce('/v1/chat/completions', '')
  expect([refused.status, JSON.parse(refused.body.toString())]).toMatchObject([503, { error: { code: 'overloaded', type: 'server_error' } }])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  const anthropic = await announce('/v1/messages', 'anthropic-version: 2023-06-01\r\n')
  expect([anthropic.status, JSON.parse(anthropic.body.toString())]).toMatchObject([529, { type: 'error', error: { type: 'overloaded_error' } }])
  expect((await rig.post(chatBody('up/m'))).status).toBe(200)
  expect(rig.upstream.of('m')).toHaveLength(1)
  await until('both refusals to be counted', async () => /^headrace_memory_refused_total 2$/m.test(await rig.headrace.metrics()))
})
