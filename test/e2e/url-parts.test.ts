import Anthropic from '@anthropic-ai/sdk'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

/** A server of the gateway's own network, which no client may reach through it. */
let inside: Server
let asked = 0
let rig: Rig
let client: Anthropic
beforeAll(async () => {
  inside = createServer((_request, response) => { asked++; response.writeHead(200, { 'content-type': 'application/pdf' }).end('SECRET') })
  await new Promise<void>(resolve => inside.listen(0, '127.0.0.1', resolve))
  rig = await startRig({ config: () => ({ relay: { fetch_urls: { enabled: true, timeout: '2s' } } }) })
  client = new Anthropic({ baseURL: rig.headrace.url, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(async () => {
  await rig?.stop()
  inside.close()
})

it.each(['http://127.0.0.1:PORT/a.pdf', 'http://localhost:PORT/a.pdf', 'http://[::ffff:127.0.0.1]:PORT/a.pdf', 'http://2130706433:PORT/a.pdf', 'http://127.0.0.1/a.pdf'])('%s in a request leads to no connection, and the refusal reaches client and log (check N1)', async pattern => {
  const url = pattern.replace('PORT', String((inside.address() as AddressInfo).port))
  const error = await client.messages.create({ model: 'up/ssrf', max_tokens: 9, messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'url', url } }] }] }).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(Anthropic.BadRequestError)
  expect(String(error)).toContain('its host is not on the public internet or does not answer')
  expect(asked).toBe(0)
  expect(rig.upstream.of('ssrf')).toEqual([])
  expect((await rig.headrace.logs('model=up/ssrf'))[0]).toMatchObject({ outcome: 'refused', provider: '', status: 400 })
})
