import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { processIdentity } from '@headrace/bytes'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startLogWriter, type LogWriter } from '../log-writer/log-writer.ts'
import { readKeptAnswer } from '../sqlite/idempotency-store.ts'

let directory: string
let path: string
let writer: LogWriter
const start = (): LogWriter => startLogWriter({ directory: join(directory, 'journal'), database: join(directory, 'calls.db'), keys: path })
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'headrace-keys-'))
  path = join(directory, 'idempotency.db')
  writer = start()
})
afterEach(async () => {
  await writer.stop()
  rmSync(directory, { recursive: true, force: true })
})

const named = (id: string) => ({ tenant: 't', id })
const claimOf = (id: string, token = '1', owner = processIdentity(process.pid)) => ({ ...named(id), fingerprint: 'f', owner, token, until: Date.now() + 60_000 })
const answer = (text: string) => Buffer.from(text)

it('makes no file where nobody sends keys', async () => {
  await writer.recovered()
  expect(await writer.keys.run({ op: 'abandon-dead', how: 'retry' })).toEqual([])
  expect(existsSync(path)).toBe(false)
})

it('of many who claim a key at the same time one wins, and what is settled is read beside the writer and after it', async () => {
  const claims = await Promise.all(Array.from({ length: 50 }, (_, index) => writer.keys.run({ op: 'claim', claim: claimOf('a', `${index}`) })))
  expect(claims.filter(state => state === 'won')).toHaveLength(1)
  expect(claims.filter(state => state === 'running')).toHaveLength(49)
  const token = `${claims.indexOf('won')}`
  expect(await writer.keys.run({ op: 'settle', name: named('a'), token, answer: answer('hello'), until: Date.now() + 60_000 })).toBe(true)
  expect(readKeptAnswer(path, named('a'), Date.now())?.toString()).toBe('hello')
  await writer.stop()
  expect(readKeptAnswer(path, named('a'), Date.now())?.toString()).toBe('hello')
  writer = start()
  expect(await writer.keys.run({ op: 'claim', claim: claimOf('a', 'x') })).toBe('kept')
})

it('gives up the claims of processes that do not run, and of no others', async () => {
  await writer.keys.run({ op: 'claim', claim: claimOf('dead', '1', '1:1:nobody') })
  await writer.keys.run({ op: 'claim', claim: claimOf('alive') })
  expect(await writer.keys.run({ op: 'abandon-dead', how: 'retry' })).toEqual([named('dead')])
  expect(await writer.keys.run({ op: 'claim', claim: claimOf('alive', '2') })).toBe('running')
})

it('deletes the oldest answers when it hears of a tighter bound', async () => {
  for (const id of ['a', 'b']) {
    await writer.keys.run({ op: 'claim', claim: claimOf(id) })
    await writer.keys.run({ op: 'settle', name: named(id), token: '1', answer: answer('x'.repeat(100)), until: Date.now() + 60_000 })
  }
  writer.keepAnswers(150)
  for (const end = performance.now() + 10_000; readKeptAnswer(path, named('a'), Date.now()) !== null && performance.now() < end;) await delay(20)
  expect(['a', 'b'].map(id => readKeptAnswer(path, named(id), Date.now()) !== null)).toEqual([false, true])
})

it('fails where no file is named, and when the writer has stopped', async () => {
  const without = startLogWriter({ directory: join(directory, 'j2'), database: join(directory, 'c2.db') })
  await expect(without.keys.run({ op: 'claim', claim: claimOf('a') })).rejects.toThrow()
  await without.stop()
  await writer.stop()
  await expect(writer.keys.run({ op: 'claim', claim: claimOf('a') })).rejects.toThrow()
})
