import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sendRaw } from '../harness/http-client.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

/** Azure as it looks from here: a tenant that gives tokens, and a resource with deployments behind them. */
const SECRET = 'entra-client-secret-canary-0123456789'
let azure: Server
let headrace: Headrace
let issued = 0
/** Tokens that the resource takes. */
const taken = new Set<string>()
const seen: { readonly url: string, readonly authorization: string, readonly body: string }[] = []

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const json = (status: number, value: unknown): void => { response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value)) }
  if (request.url === '/tenant-1/oauth2/v2.0/token') {
    const token = `token-number-${++issued}-0123456789`
    taken.add(token)
    return json(200, { access_token: token, expires_in: 3_600, token_type: 'Bearer' })
  }
  const { authorization = '' } = request.headers
  seen.push({ url: request.url ?? '', authorization, body })
  if (!taken.has(authorization.replace('Bearer ', ''))) return json(401, { error: { code: '401', message: `Access denied due to invalid token ${authorization}` } })
  json(200, { id: 'c1', object: 'chat.completion', created: 1, model: 'gpt', choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } })
}

beforeAll(async () => {
  azure = createServer((request, response) => void serve(request, response))
  await new Promise<void>(resolve => azure.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(azure.address() as AddressInfo).port}`
  const credentials = [{ entra: { tenant: 'tenant-1', client_id: 'app-1', client_secret: '${ENTRA_SECRET}', authority: url } }]
  headrace = await startHeadrace({
    env: { ENTRA_SECRET: SECRET }, args: ['--workers', '1'],
    config: { providers: { 'old': { like: 'azure-openai', base_url: `${url}/openai`, api_version: '2024-10-21', credentials }, 'new': { like: 'azure-openai', base_url: `${url}/openai/v1`, credentials } }, relay: { max_attempts: 1 } },
  })
})
afterAll(async () => {
  await headrace.stop()
  await new Promise(resolve => azure.close(resolve))
})

const ask = (model: string) => sendRaw(headrace.port, {
  body: JSON.stringify({ model, max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] }), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']],
})

it('deployments have paths of their own where an API version is given, and a token that is got once for all of them', async () => {
  const answers = await Promise.all([ask('old/my deployment'), ask('new/gpt-prod'), ask('new/gpt-prod')])
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(seen.map(({ url }) => url).toSorted()).toEqual(['/openai/deployments/my%20deployment/chat/completions?api-version=2024-10-21', '/openai/v1/chat/completions', '/openai/v1/chat/completions'])
  expect(new Set(seen.map(({ authorization }) => authorization)).size).toBe(issued)
  expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({ max_completion_tokens: 5 })
})

it('a token that the resource no longer takes is told without its words, and the next request has another one', async () => {
  taken.clear()
  const before = issued
  const refused = await ask('new/gpt-prod')
  expect(refused.status).toBe(502)
  expect(refused.body.toString()).not.toContain('token-number')
  expect((await ask('new/gpt-prod')).status).toBe(200)
  expect(issued).toBe(before + 1)
})

it('neither the secret nor a token stands in what the gateway writes or tells', async () => {
  const told = headrace.output()
  expect(told).not.toContain(SECRET)
  expect(told).not.toContain('token-number')
})
