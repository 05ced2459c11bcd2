import { readdirSync, readFileSync } from 'node:fs'
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
  expect(first.messages.map(message => message.type)).toEqual(['config', 'keys-created', 'ready'])
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
