import { mkdtempSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hash } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { ControlHarness } from './control-harness.ts'

const running: ControlHarness[] = []
const started = async (harness: Promise<ControlHarness>): Promise<ControlHarness> => {
  const one = await harness
  running.push(one)
  return one
}
afterEach(async () => {
  for (const harness of running.splice(0)) await harness.stop()
})

test('the first start makes two keys, tells them once, and keeps only their digests', async () => {
  const first = await ControlHarness.ready()
  const { adminKey, apiKey } = first.keys
  expect(first.messages.map(message => message.type)).toEqual(['keys-created', 'config', 'ready'])
  expect(first.config.keys.map(key => [key.scopes, key.digest])).toEqual([[['admin'], hash('sha256', adminKey)], [['inference'], hash('sha256', apiKey)]])
  expect(await first.stop({ keep: true })).toBe(0)
  const files = readdirSync(first.directory).filter(name => name.includes('.db')).map(name => readFileSync(join(first.directory, name), 'latin1'))
  expect(files.some(text => text.includes(hash('sha256', adminKey)))).toBe(true)
  for (const text of files) for (const token of [adminKey, apiKey]) expect(text).not.toContain(token.slice(8))
  expect(first.output).toBe('')

  const second = await started(ControlHarness.ready({ directory: first.directory }))
  expect(second.messages.map(message => message.type)).toEqual(['config', 'ready'])
  expect((await second.ask('GET', '/admin/v1/status', { key: adminKey })).status).toBe(200)
})

test('what the supervisor may rely on: keys only for a good configuration, a reason for a bad one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-control-'))
  const config = join(directory, 'headrace.yaml')
  writeFileSync(config, 'servre: {}\n')
  const harness = new ControlHarness({ directory, config })
  expect(await harness.exited).toBe(1)
  expect(harness.messages).toEqual([{ type: 'fatal', reason: expect.stringMatching(/headrace\.yaml:1:1: unknown key `servre`; did you mean `server`/) }])
  writeFileSync(config, 'server: {}\n')
  const second = await started(ControlHarness.ready({ directory, config }))
  expect(second.messages.map(message => message.type)).toEqual(['keys-created', 'config', 'ready'])
})

test('a file that names an admin gets no keys made', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-control-'))
  const config = join(directory, 'headrace.yaml')
  writeFileSync(config, `keys: [{name: root, digest: ${hash('sha256', 'an-admin-key-of-the-file')}, scopes: [admin]}]\n`)
  const harness = await started(ControlHarness.ready({ directory, config }))
  expect(harness.messages.map(message => message.type)).toEqual(['config', 'ready'])
  expect((await harness.ask('GET', '/admin/v1/status', { key: 'an-admin-key-of-the-file' })).status).toBe(200)
})

test('the sandbox\'s address and keys from the environment make a configuration without a file', async () => {
  const harness = await started(ControlHarness.ready({ sandboxUrl: 'http://127.0.0.1:4711/v1', env: { OPENAI_API_KEY: 'sk-canary-of-the-environment' } }))
  expect(harness.config.providers.map(provider => [provider.id, provider.baseUrl])).toEqual([['openai', 'https://api.openai.com/v1'], ['sandbox', 'http://127.0.0.1:4711/v1']])
  expect((await harness.ask('GET', '/admin/v1/config')).body).not.toContain('sk-canary')
  harness.send({ type: 'sandbox', url: 'http://127.0.0.1:4712/v1' })
  await harness.until('the new address', () => harness.config.providers.at(-1)?.baseUrl === 'http://127.0.0.1:4712/v1')
  expect(harness.config.version).toBe(2)
})

test('a replaced file and SIGHUP reload; a bad file is said aloud and the next good one comes through', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-control-'))
  const config = join(directory, 'headrace.yaml')
  const replace = (text: string): void => {
    writeFileSync(`${config}.new`, text)
    renameSync(`${config}.new`, config)
  }
  replace('log: {bodies: none}\n')
  const harness = await started(ControlHarness.ready({ directory, config }))
  harness.join(1)
  replace('log: {bodies: full}\n')
  await harness.until('the new file', () => harness.config.policy.logBodies === 'full')
  replace('lgo: {}\n')
  await harness.until('the complaint', () => /headrace\.yaml:1:1: unknown key `lgo`/.test(harness.output))
  expect(harness.config.version).toBe(2)
  replace('log: {bodies: none}\n')
  await harness.until('the next good file', () => harness.config.policy.logBodies === 'none')
  harness.send({ type: 'reload' })
  await harness.until('the reload', () => harness.config.version === 4)
  expect(JSON.parse((await harness.ask('GET', '/admin/v1/status')).body)).toMatchObject({ version: 4, configProblem: null, workers: [{ worker: 1, port: 8787 }] })
})

test('metrics are of all workers, those included that are gone', async () => {
  const harness = await started(ControlHarness.ready())
  harness.join(1)
  harness.fromWorker(1, { type: 'metrics', state: { counters: { 'headrace_requests_total{model="m",provider="p",status="200"}': 7 }, gauges: { headrace_in_flight: 1 }, histograms: {} } })
  harness.send({ type: 'worker-exit', worker: 1, segmentPrefix: 'w1' })
  harness.join(2)
  harness.fromWorker(2, { type: 'metrics', state: { counters: { 'headrace_requests_total{model="m",provider="p",status="200"}': 3 }, gauges: { headrace_in_flight: 2 }, histograms: {} } })
  const answer = await harness.ask('GET', '/metrics')
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(answer.body).toContain('# TYPE headrace_requests_total counter\nheadrace_requests_total{model="m",provider="p",status="200"} 10\n')
  expect(answer.body).toContain('headrace_in_flight 2\n')
  expect(answer.body).toContain('headrace_workers 1\n')
})

test('the page is for everybody and holds no key; the socket is for its owner only', async () => {
  const harness = await started(ControlHarness.ready())
  const answer = await harness.ask('GET', '/', { key: null })
  expect(answer.status).toBe(200)
  expect(answer.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'content-security-policy': expect.stringContaining("frame-ancestors 'none'") })
  for (const key of Object.values(harness.keys)) expect(answer.body).not.toContain(key)
  for (const name of ['control.sock', 'headrace.db']) expect([name, statSync(join(harness.directory, name)).mode & 0o077]).toEqual([name, 0])
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s is the supervisor\'s business', async signal => {
  const harness = await started(ControlHarness.ready())
  harness.child.kill(signal)
  expect((await harness.ask('GET', '/admin/v1/status')).status).toBe(200)
})

test('without its supervisor it ends', async () => {
  const harness = await started(ControlHarness.ready())
  harness.child.disconnect()
  expect(await harness.exited).toBe(0)
})
