import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, it } from 'vitest'
import { contextStoreSuite } from '../suites/context-store-suite.ts'
import { idempotencyStoreSuite } from '../suites/idempotency-store-suite.ts'
import { keyStoreSuite } from '../suites/key-store-suite.ts'
import { ledgerStoreSuite } from '../suites/ledger-store-suite.ts'
import { logStoreSuite } from '../suites/log-store-suite.ts'
import { sampleRecord } from '../suites/sample-record.ts'
import { SqliteContextStore } from './context-store.ts'
import { KEY_MIGRATIONS, readKeptAnswer, SqliteIdempotencyStore } from './idempotency-store.ts'
import { SqliteKeyStore } from './key-store.ts'
import { SqliteLedgerStore } from './ledger-store.ts'
import { SqliteLogStore } from './log-store.ts'
import { openDatabase } from './open-database.ts'
import { readLogs } from './query-calls.ts'

const directory = mkdtempSync(join(tmpdir(), 'headrace-stores-'))
afterAll(() => rmSync(directory, { recursive: true }))
let count = 0
const fresh = (): string => join(directory, `${++count}.db`)

ledgerStoreSuite('sqlite', () => new SqliteLedgerStore(fresh()))
logStoreSuite('sqlite', () => new SqliteLogStore(fresh()))
keyStoreSuite('sqlite', () => new SqliteKeyStore(fresh()))
idempotencyStoreSuite('sqlite', () => new SqliteIdempotencyStore(fresh()))
contextStoreSuite('sqlite', () => new SqliteContextStore(fresh()))

it('readLogs reads beside the writer and after it, and finds nothing where there is no file', () => {
  const path = fresh()
  expect(readLogs(path, { tenant: 'default' })).toEqual([])
  const store = new SqliteLogStore(path)
  store.append([sampleRecord({ callId: 'a.1' })], null)
  expect(readLogs(path, { tenant: 'default' })).toHaveLength(1)
  store.close()
  expect(readLogs(path, { tenant: 'default' })).toHaveLength(1)
})

it('keys outlive their store, and readKeptAnswer reads beside the writer; it finds nothing where there is no file', () => {
  const path = fresh()
  const name = { tenant: 'default', id: 'a' }
  const claim = { ...name, fingerprint: 'f', owner: '1', token: 't', until: 2 }
  expect(readKeptAnswer(path, name, 0)).toBeNull()
  const store = new SqliteIdempotencyStore(path)
  store.claim(claim, 0)
  store.claim({ ...claim, id: 'b' }, 0)
  store.settle(name, 't', Buffer.from('x'), 2)
  expect(readKeptAnswer(path, name, 1)?.toString()).toBe('x')
  store.close()
  const again = new SqliteIdempotencyStore(path)
  expect([again.claim(claim, 1), again.claim({ ...claim, id: 'b', token: 'u' }, 1)]).toEqual(['kept', 'running'])
  expect(() => again.together(() => { again.release({ ...name, id: 'b' }, 't'); throw new Error('no') })).toThrow('no')
  expect(again.claim({ ...claim, id: 'b', token: 'u' }, 1)).toBe('running')
  again.close()
})

it('of an answer whose time is over nothing is left in the file', () => {
  const path = fresh()
  const store = new SqliteIdempotencyStore(path)
  for (const id of ['a', 'b']) {
    store.claim({ tenant: 'default', id, fingerprint: 'f', owner: '1', token: 't', until: 1 }, 0)
    store.settle({ tenant: 'default', id }, 't', Buffer.from(`the text of ${id}`.repeat(1_000)), id === 'a' ? 1 : 9)
  }
  expect(store.prune(5, 2 ** 40, 10)).toBe(1)
  store.close()
  const file = readFileSync(path).latin1Slice()
  expect([file.includes('the text of a'), file.includes('the text of b')]).toEqual([false, true])
})

it('of answers that were kept before they were sealed nothing is left, in the file nor beside it', () => {
  const path = fresh()
  const old = openDatabase(path, { synchronous: 'FULL', migrations: KEY_MIGRATIONS.slice(0, 1), secureDelete: true })
  old.exec(`INSERT INTO key (tenant, id, fingerprint, owner, token, state, until, status, headers, stream, bytes, body)
    VALUES ('default', 'a', 'f', '1', 't', 'kept', 9e15, 200, 'content-type: text/plain', 0, 0, CAST('${'the text of them '.repeat(1_000)}' AS BLOB))`)
  old.exec(`UPDATE key SET bytes = 17000`)
  old.close()
  expect(readFileSync(path).latin1Slice()).toContain('the text of them')
  const store = new SqliteIdempotencyStore(path)
  const files = (): string => [path, `${path}-wal`].map(file => existsSync(file) ? readFileSync(file).latin1Slice() : '').join('')
  expect([store.claim({ tenant: 'default', id: 'a', fingerprint: 'g', owner: '1', token: 't', until: 2 }, 0), store.settle({ tenant: 'default', id: 'a' }, 't', Buffer.from('sealed'), 2)]).toEqual(['won', true])
  expect(store.read({ tenant: 'default', id: 'a' }, 1)?.toString()).toBe('sealed')
  expect(files()).not.toContain('the text of them')
  expect(store.prune(1, 5, 10)).toBe(1)
  store.close()
  expect(files()).not.toContain('the text of them')
})

it('an append that fails stores neither rows nor position', () => {
  const store = new SqliteLogStore(fresh())
  const broken = sampleRecord({ callId: 'b.1', model: null as unknown as string })
  expect(() => store.append([sampleRecord({ callId: 'a.1' }), broken], { segment: 's', offset: 1 })).toThrow()
  expect(store.query({ tenant: 'default' })).toEqual([])
  expect(store.checkpoints()).toEqual([])
  store.close()
})

it('a file of a newer version is refused with what to do', () => {
  const path = fresh()
  const database = new DatabaseSync(path)
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => new SqliteLogStore(path)).toThrow('newer Headrace')
})
