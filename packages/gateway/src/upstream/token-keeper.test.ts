import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { failure, gatewayError, success, type Result, type TokenGrant } from '@headrace/contract'
import { TokenKeeper, tokenSource, type IssuedToken } from './token-keeper.ts'

/** A keeper whose clock and source are the test's. */
class Desk {
  now = 0
  readonly waiting: ((issued: Result<IssuedToken>) => void)[] = []
  readonly keeper = new TokenKeeper({ now: () => this.now, source: () => new Promise(resolve => this.waiting.push(resolve)) })

  async issue(token: string, lifeMs = 3_600_000): Promise<void> {
    this.waiting.shift()?.(success({ token, lifeMs }))
    await Promise.resolve()
    await Promise.resolve()
  }
}

it('gets one token for all that ask at once, and then has it at hand', async () => {
  const desk = new Desk()
  const asked = [desk.keeper.take(), desk.keeper.take()]
  expect(desk.waiting.length).toBe(1)
  await desk.issue('t1')
  expect(await Promise.all(asked)).toEqual([success('t1'), success('t1')])
  expect(desk.keeper.take()).toBe('t1')
})

it.each([[3_600_000, 3_299_000, 3_301_000], [100_000, 79_000, 81_000]])('of a life of %i ms it gets the next token ahead of the end, and nobody waits', async (life, before, after) => {
  const desk = new Desk()
  void desk.keeper.take()
  await desk.issue('t1', life)
  desk.now = before
  expect(desk.keeper.take()).toBe('t1')
  expect(desk.waiting.length).toBe(0)
  desk.now = after
  expect([desk.keeper.take(), desk.keeper.take()]).toEqual(['t1', 't1'])
  expect(desk.waiting.length).toBe(1)
  await desk.issue('t2', life)
  expect(desk.keeper.take()).toBe('t2')
})

it('keeps a token that still lives while the endpoint fails, tries again after a second, and waits only when it is over', async () => {
  const desk = new Desk()
  void desk.keeper.take()
  await desk.issue('t1', 100_000)
  desk.now = 85_000
  expect(desk.keeper.take()).toBe('t1')
  desk.waiting.shift()?.(failure(gatewayError('upstream-connect', 'down')))
  await Promise.resolve()
  await Promise.resolve()
  expect(desk.keeper.take()).toBe('t1')
  expect(desk.waiting.length).toBe(0)
  desk.now = 86_100
  expect(desk.keeper.take()).toBe('t1')
  expect(desk.waiting.length).toBe(1)
  desk.waiting.shift()?.(failure(gatewayError('upstream-connect', 'down')))
  await Promise.resolve()
  await Promise.resolve()
  desk.now = 100_000
  const asked = desk.keeper.take()
  await desk.issue('t2')
  expect(await asked).toEqual(success('t2'))
})

it('tells those that come within a second of a failure what it was, without asking again', async () => {
  const desk = new Desk()
  const first = desk.keeper.take()
  desk.waiting.shift()?.(failure(gatewayError('upstream-auth', 'no')))
  expect(await first).toMatchObject({ ok: false, error: { kind: 'upstream-auth' } })
  expect(await desk.keeper.take()).toMatchObject({ ok: false, error: { message: 'no' } })
  expect(desk.waiting.length).toBe(0)
})

it('does not use a token again that the provider refused, but the one that came after it', async () => {
  const desk = new Desk()
  void desk.keeper.take()
  await desk.issue('t1')
  desk.keeper.refuse('t1')
  const asked = desk.keeper.take()
  await desk.issue('t2')
  expect(await asked).toEqual(success('t2'))
  desk.keeper.refuse('t1')
  expect(desk.keeper.take()).toBe('t2')
})

let server: Server
let answer: { readonly status: number, readonly body: string }
let seen = ''
beforeEach(async () => {
  server = createServer((request, response) => {
    seen = ''
    request.on('data', (chunk: Buffer) => { seen += chunk.toString() }).on('end', () => response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => new Promise(resolve => server.close(resolve)))
const grant = (): TokenGrant => ({ kind: 'client-credentials', tokenUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/t/oauth2/v2.0/token`, clientId: 'app', clientSecret: 's3cret&x', scope: 'a b' })

it('asks as RFC 6749 says, and reads how long the token lives', async () => {
  answer = { status: 200, body: '{"token_type":"Bearer","expires_in":"3599","access_token":"eyJ.a-b_c"}' }
  expect(await tokenSource(grant())(new AbortController().signal)).toEqual(success({ token: 'eyJ.a-b_c', lifeMs: 3_599_000 }))
  expect(seen).toBe('grant_type=client_credentials&client_id=app&client_secret=s3cret%26x&scope=a+b')
})

it.each([
  ['a refusal', 401, '{"error":"invalid_client","error_description":"s3cret&x is wrong"}', 'upstream-auth', /status 401, invalid_client/],
  ['a failure', 503, 'busy s3cret&x', 'upstream-connect', /status 503\)/],
  ['a code that is no code', 400, '{"error":"s3cret&x"}', 'upstream-auth', /status 400\)/],
  ['no token', 200, '{"expires_in":10}', 'upstream-auth', /without a token/],
  ['a token that would be two lines', 200, '{"access_token":"a\\r\\nb: c","expires_in":10}', 'upstream-auth', /without a token/],
  ['no life', 200, '{"access_token":"abc","expires_in":0}', 'upstream-auth', /without a token/],
  ['another address', 302, '', 'upstream-connect', /did not answer/],
])('%s is an error that tells nothing of the secret', async (_what, status, body, kind, message) => {
  answer = { status, body }
  const issued = await tokenSource(grant())(new AbortController().signal)
  expect(issued).toMatchObject({ ok: false, error: { kind } })
  if (!issued.ok) expect(issued.error.message).toMatch(message)
  expect(JSON.stringify(issued)).not.toContain('s3cret')
})
