import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { CallRecord, LogStore } from '@headrace/contract'
import { SqliteLogStore } from '../sqlite/log-store.ts'
import { readLogs } from '../sqlite/query-calls.ts'
import { sampleRecord } from '../suites/sample-record.ts'
import { startLogWriter, type LogWriter } from './log-writer.ts'
import { prune } from './prune.ts'

const DAY = 86_400_000
const FOREVER = 3_650 * DAY
const UNBOUNDED = 2 ** 50
let directory: string
let database: string
let writer: LogWriter | null = null
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'headrace-prune-'))
  database = join(directory, 'calls.db')
})
afterEach(async () => {
  await writer?.stop()
  writer = null
  rmSync(directory, { recursive: true, force: true })
})

const records = (count: number, facts: (index: number) => Partial<CallRecord>): CallRecord[] =>
  Array.from({ length: count }, (_, index) => sampleRecord({ callId: `c${index}.1`, ...facts(index) }))
const stored = (): string[] => readLogs(database, { tenant: 'default', after: 0, limit: 1000 }).map(row => row.record.callId)

it('deletes in small transactions until nothing is beyond the bounds', () => {
  const now = Date.now()
  const store = new SqliteLogStore(database)
  const body = 'x'.repeat(65_536)
  store.append(records(1_500, index => ({ startedAt: now - (index < 1_000 ? 31 : 1) * DAY, requestBody: index % 5 === 0 ? body : null })), null)
  const steps = [...prune(store, { retentionMs: 30 * DAY, maxBytes: UNBOUNDED }, now)]
  expect(steps.reduce((sum, count) => sum + count, 0)).toBe(1_000)
  expect(steps.length).toBeGreaterThan(2)
  expect(store.query({ tenant: 'default', limit: 1000 })).toHaveLength(500)
  expect([...prune(store, { retentionMs: 30 * DAY, maxBytes: UNBOUNDED }, now)]).toEqual([])
  store.close()
})

it('asks for fewer rows when a transaction is slow and for more when it is quick', () => {
  const asked: number[] = []
  const store = {
    prune: (_before: number, _bytes: number, most: number) => {
      asked.push(most)
      for (const end = performance.now() + (asked.length > 3 ? 12 : 0); performance.now() < end;) continue
      return asked.length > 6 ? 0 : most
    },
  } as unknown as LogStore
  for (const _ of prune(store, { retentionMs: 0, maxBytes: 0 }, 0));
  expect(asked).toEqual([20, 40, 80, 160, 80, 40, 20])
})

it('the log writer prunes at its start, and again when it hears of tighter bounds', async () => {
  const now = Date.now()
  const store = new SqliteLogStore(database)
  store.append(records(3, index => ({ startedAt: now - index * 10 * DAY })), null)
  store.close()
  const gone = async (left: readonly string[]): Promise<void> => {
    for (const end = performance.now() + 5_000; stored().length > left.length && performance.now() < end;) await new Promise(resolve => setTimeout(resolve, 20))
    expect(stored()).toEqual(left)
  }
  writer = startLogWriter({ directory: join(directory, 's'), database, keep: { retentionMs: 15 * DAY, maxBytes: UNBOUNDED } })
  await gone(['c0.1', 'c1.1'])
  writer.keep({ retentionMs: 5 * DAY, maxBytes: UNBOUNDED })
  await gone(['c0.1'])
  writer.keep({ retentionMs: FOREVER, maxBytes: 1 })
  await gone([])
})
