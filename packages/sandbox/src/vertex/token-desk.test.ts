import { generateKeyPairSync, sign } from 'node:crypto'
import { expect, it } from 'vitest'
import { TokenDesk } from './token-desk.ts'

const pair = () => generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
const { privateKey, publicKey } = pair()
const AUDIENCE = 'http://127.0.0.1:1/token'
const now = Math.floor(Date.now() / 1_000)
const CLAIMS = { iss: 'a@p.test', scope: 'https://www.googleapis.com/auth/cloud-platform', aud: AUDIENCE, iat: now, exp: now + 3_600 }

function assertion(claims: object, key = privateKey, alg = 'RS256'): string {
  const signed = [{ alg, typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`
}
const ask = (desk: TokenDesk, text: string) => desk.issue(new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: text }), AUDIENCE)

it('gives a token for an assertion of the account, and takes it until it is taken back', () => {
  const desk = new TokenDesk({ email: 'a@p.test', publicKey })
  const { status, body } = ask(desk, assertion(CLAIMS))
  expect([status, body['expires_in']]).toEqual([200, 3_599])
  const line = `Bearer ${String(body['access_token'])}`
  expect([desk.takes(line), desk.takes(undefined), desk.takes('Bearer other')]).toEqual([true, false, false])
  desk.revoke()
  expect(desk.takes(line)).toBe(false)
})

it.each([
  ['signed with another key', assertion(CLAIMS, pair().privateKey), 'invalid_grant'],
  ['changed after it was signed', assertion(CLAIMS).replace(/\.[^.]+\./, `.${Buffer.from(JSON.stringify({ ...CLAIMS, exp: now + 60 })).toString('base64url')}.`), 'invalid_grant'],
  ['of another algorithm', assertion(CLAIMS, privateKey, 'none'), 'invalid_grant'],
  ['of another account', assertion({ ...CLAIMS, iss: 'b@p.test' }), 'invalid_grant'],
  ['for another place', assertion({ ...CLAIMS, aud: 'https://oauth2.googleapis.com/token' }), 'invalid_grant'],
  ['that is over', assertion({ ...CLAIMS, iat: now - 8_000, exp: now - 4_400 }), 'invalid_grant'],
  ['that is good for too long', assertion({ ...CLAIMS, exp: now + 7_200 }), 'invalid_grant'],
  ['for nothing', assertion({ ...CLAIMS, scope: 'openid' }), 'invalid_scope'],
  ['that is none', 'a.b', 'invalid_grant'],
])('refuses an assertion %s', (_what, text, error) => {
  const desk = new TokenDesk({ email: 'a@p.test', publicKey })
  expect(ask(desk, text)).toMatchObject({ status: 400, body: { error } })
  expect(desk.issued).toBe(0)
})
