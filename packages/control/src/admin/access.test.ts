import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN, AppHarness, CLIENT, EXPIRED, FOREIGN } from './app-harness.ts'

let admin: AppHarness
beforeAll(async () => { admin = await AppHarness.start() })
afterAll(() => admin.stop())

const ask = async (method: string, path: string, headers: Readonly<Record<string, string | string[]>> = {}) =>
  admin.app.inject({ method: method as 'GET', url: path.replace(':keyId', 'x'), headers })

test('every route but the page is denied without a key, and to a key without the admin scope', async () => {
  expect(admin.routes.length).toBeGreaterThan(12)
  for (const { method, path } of admin.routes) {
    if (path === '/') continue
    const bare = await ask(method, path)
    expect([method, path, bare.statusCode]).toEqual([method, path, 401])
    const client = await ask(method, path, { authorization: `Bearer ${CLIENT}` })
    expect([method, path, client.statusCode]).toEqual([method, path, 403])
  }
})

test('nobody learns without a key which paths there are', async () => {
  const known = await ask('GET', '/admin/v1/logs')
  for (const path of ['/admin', '/admin/', '/admin/v1', '/admin/v1/nothing', '/admin/v1/logs/', '/Admin/v1/logs', '/admin/v1/%zz', '/admin/v1/keys/a%2fb', '/metrics/', '/favicon.ico']) {
    const answer = await ask('GET', path)
    expect([path, answer.statusCode, answer.body]).toEqual([path, 401, known.body])
  }
  expect((await ask('POST', '/')).statusCode).toBe(401)
  expect((await ask('GET', '/admin/v1/nothing', { authorization: `Bearer ${ADMIN}` })).statusCode).toBe(404)
  expect((await ask('GET', '/admin/v1/%zz', { authorization: `Bearer ${ADMIN}` })).statusCode).toBe(400)
})

test.each([
  ['Authorization', { authorization: `Bearer ${ADMIN}` }, 200], ['a lower-case scheme', { authorization: `bearer ${ADMIN}` }, 200],
  ['x-api-key', { 'x-api-key': ADMIN }, 200], ['api-key', { 'api-key': ADMIN }, 200], ['the same key twice', { 'x-api-key': ADMIN, authorization: `Bearer ${ADMIN}` }, 200],
  ['two different keys', { 'x-api-key': ADMIN, authorization: `Bearer ${CLIENT}` }, 401], ['a key and another scheme', { 'x-api-key': ADMIN, authorization: 'Basic YTpi' }, 401],
  ['a key and an empty one', { 'x-api-key': ADMIN, 'api-key': '' }, 401], ['the beginning of a key', { 'x-api-key': ADMIN.slice(0, -1) }, 401], ['more than a key', { 'x-api-key': `${ADMIN}x` }, 401],
  ['a digest', { 'x-api-key': 'a'.repeat(64) }, 401], ['an expired key', { 'x-api-key': EXPIRED }, 401], ['a very long key', { 'x-api-key': 'a'.repeat(10_000) }, 401],
  ['a list of keys', { 'x-api-key': `${ADMIN}, ${ADMIN}` }, 401], ['SQL', { 'x-api-key': "x' OR 1=1 --" }, 401],
] as const)('%s', async (_name, headers, status) => {
  expect((await ask('GET', '/admin/v1/status', headers)).statusCode).toBe(status)
})

test('an admin key is known by all of it: one that differs in one place, or is a part of it, opens nothing (check S2)', async () => {
  const places = Array.from(ADMIN, (_, at) => at)
  const nearly = [
    ...places.map(at => `${ADMIN.slice(0, at)}${ADMIN[at] === '0' ? '1' : '0'}${ADMIN.slice(at + 1)}`), ...places.slice(1).map(at => ADMIN.slice(0, at)), ...places.slice(1).map(at => ADMIN.slice(at)),
    ADMIN.toUpperCase(), `${ADMIN}0`, `0${ADMIN}`, ADMIN + ADMIN,
  ]
  const answers = await Promise.all(nearly.map(token => ask('GET', '/admin/v1/status', { authorization: `Bearer ${token}` })))
  expect(nearly.filter((_, index) => answers[index]?.statusCode !== 401)).toEqual([])
})

test('a refusal has a constant shape and says nothing of the key', async () => {
  const answer = await ask('GET', '/admin/v1/keys', { 'x-api-key': 'hr_wrong_wrong' })
  expect(answer.json()).toEqual({ error: { message: expect.stringContaining('admin key'), type: 'invalid_request_error', code: 'invalid_api_key', param: null } })
  expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'www-authenticate': 'Bearer' })
  expect(answer.body).not.toContain('wrong')
})

test('what is of the whole installation is not for the admins of other tenants', async () => {
  const as = { authorization: `Bearer ${FOREIGN}` }
  for (const [method, path] of [['GET', '/metrics'], ['GET', '/admin/v1/config'], ['GET', '/admin/v1/status'], ['GET', '/admin/v1/targets'], ['POST', '/admin/v1/reload']] as const) expect((await ask(method, path, as)).statusCode).toBe(403)
  for (const path of ['/admin/v1/budgets', '/admin/v1/spend', '/admin/v1/logs', '/admin/v1/keys', '/admin/v1/openapi.json']) expect((await ask('GET', path, as)).statusCode).toBe(200)
})

test('the description names the routes and how to be let in', async () => {
  const described = (await admin.ask('GET', '/admin/v1/openapi.json')).json() as { readonly paths: Record<string, unknown>, readonly components: unknown }
  expect(Object.keys(described.paths).sort()).toEqual(['/admin/v1/budgets', '/admin/v1/config', '/admin/v1/keys', '/admin/v1/keys/{keyId}', '/admin/v1/logs', '/admin/v1/openapi.json', '/admin/v1/reload', '/admin/v1/spend', '/admin/v1/status', '/admin/v1/targets', '/metrics'])
  expect(JSON.stringify(described.components)).toContain('bearer')
})
