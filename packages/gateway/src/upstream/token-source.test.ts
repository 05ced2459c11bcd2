import { generateKeyPairSync, verify } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { success, type TokenGrant } from '@headrace/contract'
import { secretOf, tokenSource } from './token-source.ts'

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
const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/t/oauth2/v2.0/token`
const grant = (): TokenGrant => ({ kind: 'client-credentials', tokenUrl: url(), clientId: 'app', clientSecret: 's3cret&x', scope: 'a b' })

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

it('a service account\'s key signs for a token as RFC 7523 says, and is not sent', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
  answer = { status: 200, body: '{"token_type":"Bearer","expires_in":3599,"access_token":"ya29.a"}' }
  const account: TokenGrant = { kind: 'service-account', tokenUrl: url(), email: 'a@p.iam.gserviceaccount.com', keyId: 'k1', privateKey, scope: 's' }
  const asked = Math.floor(Date.now() / 1_000)
  expect(await tokenSource(account)(new AbortController().signal)).toEqual(success({ token: 'ya29.a', lifeMs: 3_599_000 }))
  const form = new URLSearchParams(seen)
  expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
  const [head = '', claims = '', signature = ''] = form.get('assertion')?.split('.') ?? []
  const json = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString())
  expect(json(head)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' })
  const { iat, exp, ...rest } = json(claims) as { readonly iat: number, readonly exp: number }
  expect(rest).toEqual({ iss: 'a@p.iam.gserviceaccount.com', scope: 's', aud: url() })
  expect(iat).toBeGreaterThanOrEqual(asked)
  expect(exp - iat).toBe(3_600)
  expect(verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true)
  expect(privateKey).toContain(secretOf(account))
  expect(secretOf(account)).toHaveLength(64)
  expect(decodeURIComponent(seen)).not.toContain(secretOf(account))
})
