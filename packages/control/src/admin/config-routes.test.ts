import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADMIN, AppHarness, CANARY, fileText } from './app-harness.ts'

let admin: AppHarness
beforeAll(async () => { admin = await AppHarness.start() })
afterAll(() => admin.stop())

const model = (target: string): string => fileText({ models: { fast: target } })

test('the configuration is shown without a single secret', async () => {
  admin.write(fileText({ providers: { up: { base_url: 'http://127.0.0.1:9/v1', credentials: [`${CANARY}-a`, { value: `${CANARY}-b`, header: 'x-vendor' }], headers: { 'x-tag': `${CANARY}-c` } } } }))
  expect((await admin.ask('POST', '/admin/v1/reload')).statusCode).toBe(200)
  expect(JSON.stringify(admin.keeper.current).split(CANARY)).toHaveLength(4)
  const answer = await admin.ask('GET', '/admin/v1/config')
  expect(answer.body).not.toContain(CANARY)
  for (const key of admin.keeper.current.keys) expect(answer.body).not.toContain(key.digest)
  expect(answer.json()).toMatchObject({
    providers: [{ id: 'up', credentials: [{ id: 'up#1', header: 'authorization', value: '***' }, { id: 'up#2', header: 'x-vendor', value: '***' }], headers: { 'x-tag': '***' } }],
    keys: [{ keyId: 'file:root', readOnly: true }, {}, {}, {}], server: { port: 8787 }, policy: { logBodies: 'none' }, log: { retentionMs: 30 * 86_400_000 },
  })
})

test('limits are shown as they are', async () => {
  admin.write(fileText({ limits: [{ name: 'all', per: 'key', match: { model: 'gpt-*' }, requests: '100/minute', concurrency: 5 }] }))
  expect((await admin.ask('POST', '/admin/v1/reload')).statusCode).toBe(200)
  expect((await admin.ask('GET', '/admin/v1/config')).json().limits).toEqual(JSON.parse(JSON.stringify(admin.keeper.current.limits)))
})

test('a proxy is shown without its password', async () => {
  admin.write(fileText({ providers: { up: { base_url: 'http://127.0.0.1:9/v1', credentials: [], proxy: `http://me:${CANARY}@proxy.test:3128` } } }))
  const reloaded = await admin.ask('POST', '/admin/v1/reload')
  if (reloaded.statusCode === 422) return expect(reloaded.body).not.toContain(CANARY)
  expect((await admin.ask('GET', '/admin/v1/config')).body).not.toContain(CANARY)
})

test('a reload answers with the version that every worker has', async () => {
  admin.write(model('up/one'))
  const answer = await admin.ask('POST', '/admin/v1/reload')
  expect([answer.statusCode, answer.json()]).toMatchObject([200, { version: admin.keeper.current.version, workers: 1 }])
  expect(admin.fleet.workers()[0]?.version).toBe(admin.keeper.current.version)
  expect(admin.sent.at(-1)?.models[0]?.targets[0]?.model).toBe('one')
})

test.each([
  ['broken syntax', 'server:\n  port: [1\nmodels: }\n', /headrace\.yaml:\d+:\d+/], ['an unknown key', 'server:\n  prot: 1\n', /:2:3: unknown key `prot`; did you mean `port`/],
  ['an unknown provider', 'models:\n  m: nowhere/x\n', /:2:6.*nowhere/], ['a variable that is not set', 'keys:\n  - {name: a, key: "${NOT_SET}"}\n', /:2:\d+.*NOT_SET/],
] as const)('%s is a 422 with its place, and the good one stays', async (_name, text, says) => {
  const before = admin.keeper.current
  const sent = admin.sent.length
  admin.write(text)
  const answer = await admin.ask('POST', '/admin/v1/reload')
  expect(answer.statusCode).toBe(422)
  expect(answer.json().error).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(says) })
  expect(answer.json().errors[0]).toMatchObject({ line: expect.any(Number), message: expect.any(String) })
  expect(admin.keeper.current).toBe(before)
  expect(admin.sent.length).toBe(sent)
  expect(admin.said.at(-1)).toMatch(says)
  expect((await admin.ask('GET', '/admin/v1/status')).json().configProblem.text).toMatch(says)
  admin.write(model('up/good'))
  await admin.ask('POST', '/admin/v1/reload')
  expect((await admin.ask('GET', '/admin/v1/status')).json().configProblem).toBe(null)
})

test('a version that a worker refuses is taken back everywhere, under a higher number', async () => {
  const before = admin.keeper.current
  const taken = admin.sent.length
  admin.take = config => config.models[0]?.targets[0]?.model === 'bad' ? 'refuse' : 'accept'
  admin.write(model('up/bad'))
  const answer = await admin.ask('POST', '/admin/v1/reload')
  expect([answer.statusCode, answer.json().error.code]).toEqual([500, 'config_refused'])
  expect(answer.json().error.message).toContain('no certificate')
  expect(admin.sent.slice(taken).map(config => [config.version, config.models[0]?.targets[0]?.model])).toEqual([[before.version + 1, 'bad'], [before.version + 2, 'good']])
  expect(admin.keeper.current).toEqual({ ...before, version: before.version + 2 })
  expect(admin.keeper.problem?.text).toContain('refused')
})

test('a worker that does not answer gives a 504 that says which', async () => {
  admin.take = () => 'nothing'
  admin.write(model('up/silent'))
  const answer = await admin.ask('POST', '/admin/v1/reload')
  expect([answer.statusCode, answer.json().error.code]).toEqual([504, 'config_late'])
  expect(answer.json().error.message).toContain('worker 1')
  admin.take = () => 'accept'
})

test('reloads at the same time come one after the other', async () => {
  const { version } = admin.keeper.current
  const answers = await Promise.all(Array.from({ length: 8 }, () => admin.ask('POST', '/admin/v1/reload')))
  expect(answers.map(answer => answer.json().version).sort((a, b) => a - b)).toEqual(Array.from({ length: 8 }, (_, index) => version + 1 + index))
})

test('workers that are older than control get higher numbers than they have', async () => {
  admin.fleet.hear(1, { type: 'accepted', version: 5_000 })
  expect((await admin.ask('POST', '/admin/v1/reload')).json()).toMatchObject({ version: 5_001, workers: 1 })
})

test('a file that is gone is an error, and the good one stays', async () => {
  const { rmSync } = await import('node:fs')
  rmSync(admin.path)
  const answer = await admin.ask('POST', '/admin/v1/reload', ADMIN)
  expect([answer.statusCode, answer.json().error.message]).toEqual([422, expect.stringContaining('ENOENT')])
})
