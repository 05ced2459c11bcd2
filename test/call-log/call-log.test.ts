import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CallRecord, Exchange, GatewayError } from '@headrace/contract'
import { MemoryLogStore, readLogs, SqliteLogStore, startLogWriter } from '@headrace/stores'
import { createJournal, type Journal } from '../../packages/gateway/src/observability/journal.ts'
import { LogCollector } from '../../packages/stores/src/log-writer/log-collector.ts'
import { answered, attempting, snapshot } from './exchanges.ts'

let directory: string
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'headrace-log-')) })
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const policy = snapshot()
const holder = { proceed() {}, refuse(error: GatewayError) { throw new Error(error.message) } }
const call = (journal: Journal, id: string): Exchange => {
  const x = attempting(id, policy)
  journal.intent(x, holder)
  return x
}
const collect = (store: MemoryLogStore | SqliteLogStore, exited?: string, problems: string[] = []): void => {
  const collector = new LogCollector({ directory, store, onStored() {}, onProblem: problem => problems.push(problem) })
  if (exited !== undefined) collector.exited(exited)
  for (const _ of collector.pass());
}
const rows = (store: MemoryLogStore | SqliteLogStore): CallRecord[] => store.query({ tenant: 'default', after: 0, limit: 1000 }).map(row => row.record)
const segments = (): string[] => existsSync(directory) ? readdirSync(directory).filter(name => name.endsWith('.seg')) : []

describe('the journal', () => {
  it('lets a call go out only after its intent is on file, one write for all of a turn', async () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    const order: string[] = []
    for (const id of ['a', 'b']) {
      journal.intent(attempting(id, policy), {
        proceed() { order.push(`${id} ${readFileSync(join(directory, 'w1-00000001.seg'), 'latin1').match(/^#\d /gm)?.length}`) },
        refuse() {},
      })
    }
    expect(order).toEqual([])
    await new Promise(setImmediate)
    expect(order).toEqual(['a 2', 'b 2'])
    journal.close()
  })

  it('writes nothing and waits for nothing when the log is off', () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    const x = attempting('a', snapshot({ logCalls: false }))
    let went = false
    journal.intent(x, { proceed() { went = true }, refuse() {} })
    journal.settle(x, 'settled', true)
    journal.close()
    expect(went).toBe(true)
    expect(segments()).toEqual([])
  })

  it('writes a settled record within 50 ms without other traffic', async () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    const x = call(journal, 'a')
    journal.flush()
    journal.settle(answered(x), 'settled', true)
    await delay(120)
    expect(readFileSync(join(directory, 'w1-00000001.seg'), 'latin1')).toContain('["s","a",1')
    journal.close()
  })

  it('refuses calls with what to do while the log cannot be written, and resumes by itself in a new file', async () => {
    const blocked = join(directory, 'blocked')
    writeFileSync(blocked, 'a file where the directory should be')
    const journal = createJournal({ directory: blocked, prefix: 'w1' })
    const errors: GatewayError[] = []
    const x = attempting('a', policy)
    journal.intent(x, { proceed() {}, refuse(error) { errors.push(error); x.error = error.kind; x.status = 503; x.settledAt = performance.now(); journal.settle(x, 'settled', true) } })
    journal.flush()
    expect(errors.map(error => error.kind)).toEqual(['overloaded'])
    expect(errors[0]?.message).toMatch(/Free space/)
    rmSync(blocked)
    await delay(1100)
    let went = false
    journal.intent(attempting('b', policy), { proceed() { went = true }, refuse() {} })
    journal.flush()
    journal.close()
    expect(went).toBe(true)
    const store = new MemoryLogStore()
    directory = blocked
    collect(store, 'w1')
    directory = join(blocked, '..')
    // The refused call reached nobody, and its row says so.
    expect(rows(store).map(row => [row.callId, row.outcome, row.errorKind])).toEqual([['a.1', 'refused', 'overloaded'], ['b.1', 'unknown', '']])
  })

  it('refuses when more than its bound waits for the log writer', () => {
    const journal = createJournal({ directory, prefix: 'w1', rotateBytes: 100, maxTotalBytes: 500 })
    const told: string[] = []
    for (let index = 0; index < 5; index++) {
      journal.intent(attempting(`a${index}`, policy), { proceed() { told.push('went') }, refuse(error) { told.push(error.kind) } })
      journal.flush()
    }
    expect(told[0]).toBe('went')
    expect(told.at(-1)).toBe('overloaded')
    journal.close()
  })

  it.skipIf(process.platform !== 'linux' || spawnSync('unshare', ['-m', 'true']).status !== 0)('on a full disk refuses, loses no row, and recovers (check D3; needs the right to mount)', () => {
    const script = `mount -t tmpfs -o size=256k none "$1" && exec "$2" "$3" "$1"`
    const ran = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', directory, process.execPath, join(import.meta.dirname, 'full-disk.ts')], { encoding: 'utf8' })
    expect(ran.stderr).toBe('')
    expect(JSON.parse(ran.stdout)).toMatchObject({ refused: true, recovered: true, lost: 0, doubled: 0 })
  })
})

describe('the log collector', () => {
  it('makes one row of an intent and its end, with everything the exchange knew', () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    const x = attempting('a', snapshot({ logBodies: 'full' }))
    x.user = 'usér "1" 漢'
    x.metadata = '{"k":"v\\n"}'
    x.requestBody = Buffer.from('{"ü":"漢"}').toString('latin1')
    journal.intent(x, holder)
    journal.settle(answered(x), 'settled', true)
    journal.close()
    const store = new MemoryLogStore()
    collect(store)
    expect(rows(store)).toHaveLength(1)
    expect(rows(store)[0]).toMatchObject({
      callId: 'a.1', exchangeId: 'a', requestId: 'a', attempt: 1, outcome: 'settled', tenant: 'default', app: 'app', keyId: 'key-1', endUser: 'usér "1" 漢',
      startedAt: x.wallTime, dialect: 'openai-chat', operation: 'chat', model: 'fast', provider: 'sandbox', targetModel: 'fast', stream: false,
      status: 200, upstreamStatus: 200, errorKind: '', finishReason: 'stop', inputTokens: 10, outputTokens: 20, cacheWriteTokens: -1,
      requestBytes: 904, responseBytes: 1226, metadata: '{"k":"v\\n"}', requestBody: '{"ü":"漢"}', responseBody: '',
    })
    expect(rows(store)[0]?.totalMs).toBeCloseTo(x.settledAt - x.startedAt, 2)
  })

  it('waits for a living writer, gives the open calls of a dead one up, and takes a late end', () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    const x = call(journal, 'a')
    journal.flush()
    const store = new MemoryLogStore()
    collect(store)
    expect(rows(store)).toEqual([])
    const kept = readFileSync(join(directory, 'w1-00000001.seg'))
    collect(store, 'w1')
    expect(rows(store).map(row => row.outcome)).toEqual(['unknown'])
    expect(segments()).toEqual([])
    // It lived after all, and its file was kept: the row is upgraded, once.
    writeFileSync(join(directory, 'w1-00000001.seg'), kept.subarray(0, 0))
    journal.settle(answered(x), 'settled', true)
    journal.close()
    const late = createJournal({ directory, prefix: 'w2' })
    late.settle(x, 'settled', true)
    late.close()
    collect(store)
    expect(rows(store).map(row => [row.outcome, row.keyId, row.outputTokens])).toEqual([['settled', 'key-1', 20]])
  })

  it('deletes files that are stored whole and keeps the one with an open call', () => {
    const journal = createJournal({ directory, prefix: 'w1', rotateBytes: 1 })
    const open = call(journal, 'open')
    journal.flush()
    for (const id of ['a', 'b']) {
      const x = call(journal, id)
      journal.flush()
      journal.settle(answered(x), 'settled', true)
      journal.flush()
    }
    const store = new MemoryLogStore()
    collect(store)
    expect(rows(store).map(row => row.callId)).toEqual(['a.1', 'b.1'])
    expect(segments()).toEqual(['w1-00000001.seg', 'w1-00000005.seg'])
    journal.settle(answered(open), 'settled', true)
    journal.close()
    collect(store, 'w1')
    expect(rows(store)).toHaveLength(3)
    expect(segments()).toEqual([])
    expect(store.checkpoints()).toEqual([])
  })

  it('skips damage, says so, and keeps what is sound', () => {
    const journal = createJournal({ directory, prefix: 'w1' })
    for (const id of ['a', 'b', 'c']) {
      const x = call(journal, id)
      journal.settle(answered(x), 'settled', true)
      journal.flush()
    }
    journal.close()
    const path = join(directory, 'w1-00000001.seg')
    const bytes = readFileSync(path)
    bytes[bytes.indexOf('["i","b"')] = 0x7b
    writeFileSync(path, bytes)
    truncateSync(path, bytes.length - 3)
    const store = new MemoryLogStore()
    const problems: string[] = []
    collect(store, 'w1', problems)
    expect(rows(store).map(row => row.callId)).toEqual(['a.1'])
    // The second call's batch is damaged and the third's torn: one stretch.
    expect(problems).toHaveLength(1)
  })

  it('leaves a segment of another version where it is, says so, and reads the others', () => {
    writeFileSync(join(directory, 'w0-00000001.seg'), '#3 whatever')
    const journal = createJournal({ directory, prefix: 'w1' })
    call(journal, 'a')
    journal.close()
    const store = new MemoryLogStore()
    const problems: string[] = []
    collect(store, 'w1', problems)
    expect(problems.join()).toMatch(/format version 3/)
    expect(rows(store)).toHaveLength(1)
    expect(segments()).toEqual(['w0-00000001.seg'])
  })

  it('started anew after every single transaction stores every row exactly once', () => {
    const journal = createJournal({ directory, prefix: 'w1', rotateBytes: 5000 })
    const store = new SqliteLogStore(join(directory, 'calls.db'))
    const open: Exchange[] = []
    for (let index = 0; index < 300; index++) {
      open.push(call(journal, `c${index}`))
      if (index % 3 === 0) journal.settle(answered(open.splice(index % open.length, 1)[0] as Exchange), 'settled', true)
      journal.flush()
      if (index % 10 === 0) collect(store)
    }
    journal.close()
    collect(store, 'w1')
    const all = rows(store)
    expect(new Set(all.map(row => row.callId)).size).toBe(300)
    expect(all).toHaveLength(300)
    expect(all.filter(row => row.outcome === 'settled')).toHaveLength(100)
    expect(segments()).toEqual([])
    store.close()
  })
})

describe('the log writer', () => {
  it('leaves a file that names no owner alone while its writer may be about to, and then deletes it', async () => {
    const empty = join(directory, 'w1-00000001.seg')
    writeFileSync(empty, '')
    const recover = async (): Promise<void> => {
      const writer = startLogWriter({ directory, database: join(directory, 'calls.db') })
      await writer.recovered()
      await writer.stop()
    }
    await recover()
    expect(segments()).toEqual(['w1-00000001.seg'])
    utimesSync(empty, 0, 0)
    await recover()
    expect(segments()).toEqual([])
  })

  it('after kill -9 of the worker has exactly one row for every call that went out', async () => {
    const database = join(directory, 'calls.db')
    const journalDirectory = join(directory, 'segments')
    const upstream = join(directory, 'upstream')
    writeFileSync(upstream, '')
    const problems: string[] = []
    for (let round = 0; round < 20; round++) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'victim.ts'), journalDirectory, `w${round}`, upstream], { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(child.stdout, 'data')
      await delay(Math.random() * 60)
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    // A kill between a file's opening and its first batch leaves one that names no owner, which the writer waits for (10 s).
    for (const name of readdirSync(journalDirectory)) utimesSync(join(journalDirectory, name), 0, 0)
    const writer = startLogWriter({ directory: journalDirectory, database, onProblem: problem => problems.push(problem) })
    await writer.recovered()
    await writer.stop()
    const seen: string[] = []
    const outcomes: string[] = []
    for (let after = 0; ;) {
      const page = readLogs(database, { tenant: 'default', after, limit: 1000 })
      if (page.length === 0) break
      seen.push(...page.map(row => row.record.callId))
      outcomes.push(...page.map(row => row.record.outcome))
      after = page.at(-1)?.cursor ?? 0
    }
    const sent = readFileSync(upstream, 'latin1').trim().split('\n')
    expect(sent.length).toBeGreaterThan(500)
    expect(new Set(seen).size).toBe(seen.length)
    expect(sent.filter(id => !seen.includes(id))).toEqual([])
    // Rows that the provider did not see: intents on file whose sending was cut off.
    expect(seen.length - sent.length).toBeLessThanOrEqual(20 * 16)
    expect(outcomes.filter(outcome => outcome === 'unknown').length).toBeLessThanOrEqual(20 * 100)
    expect(readdirSync(journalDirectory)).toEqual([])
    // A torn last batch is possible and nothing else.
    expect(problems.filter(problem => !problem.includes('torn'))).toEqual([])
  }, 60_000)

  it('says when it has stored what was written before it was asked', async () => {
    const segmentDirectory = join(directory, 's')
    mkdirSync(segmentDirectory)
    const database = join(directory, 'calls.db')
    const writer = startLogWriter({ directory: segmentDirectory, database })
    const journal = createJournal({ directory: segmentDirectory, prefix: 'w1' })
    for (let round = 1; round < 4; round++) {
      const settled = call(journal, `a${round}`)
      journal.settle(answered(settled), 'settled', true)
      journal.flush()
      await writer.caughtUp()
      expect(readLogs(database, { tenant: 'default', limit: 10 })).toHaveLength(round)
    }
    journal.close()
    await writer.stop()
  }, 20_000)

  it('tells followers of rows as they are stored, and gives up a worker that the supervisor reports', async () => {
    const segmentDirectory = join(directory, 's')
    mkdirSync(segmentDirectory)
    const writer = startLogWriter({ directory: segmentDirectory, database: join(directory, 'calls.db') })
    await writer.recovered()
    const records: CallRecord[] = []
    const two = new Promise<void>(resolve => writer.onRow(record => { if (records.push(record) === 2) resolve() }))
    const journal = createJournal({ directory: segmentDirectory, prefix: 'w1' })
    call(journal, 'lost')
    const settled = call(journal, 'a')
    journal.flush()
    journal.settle(answered(settled), 'settled', true)
    journal.close()
    writer.workerExited('w1')
    await two
    await writer.stop()
    expect(records.map(record => `${record.callId} ${record.outcome}`).sort()).toEqual(['a.1 settled', 'lost.1 unknown'])
  }, 20_000)
})

it('a writer killed at random moments and started again stores every call exactly once', async () => {
  const segmentDirectory = join(directory, 's')
  const database = join(directory, 'calls.db')
  const journal = createJournal({ directory: segmentDirectory, prefix: 'w1', rotateBytes: 20_000 })
  for (let index = 0; index < 3000; index++) {
    const x = call(journal, `c${index}`)
    if (index % 10 !== 0) journal.settle(answered(x), 'settled', true)
    if (index % 20 === 0) journal.flush()
  }
  journal.close()
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), segmentDirectory, database], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    await delay(round * 15)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const writer = startLogWriter({ directory: segmentDirectory, database })
  writer.workerExited('w1')
  await writer.recovered()
  await writer.stop()
  const counts: Record<string, number> = {}
  const store = new SqliteLogStore(database)
  for (let index = 0; index < 3000; index++) {
    const outcome = store.find(`c${index}.1`)?.outcome ?? 'none'
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  store.close()
  expect(counts).toEqual({ settled: 2700, unknown: 300 })
  expect(readdirSync(segmentDirectory)).toEqual([])
}, 30_000)

it('no secret gets into a segment or the database: the exchange has no place for one', () => {
  const journal = createJournal({ directory, prefix: 'w1' })
  const x = call(journal, 'a')
  x.requestBody = 'canary-secret'
  journal.settle(answered(x), 'settled', true)
  journal.close()
  const store = new SqliteLogStore(join(directory, 'calls.db'))
  const text = readFileSync(join(directory, 'w1-00000001.seg'), 'latin1')
  collect(store, 'w1')
  store.close()
  // Bodies by policy `none`: not even one that was filled in.
  for (const content of [text, ...readdirSync(directory).map(name => readFileSync(join(directory, name), 'latin1'))]) expect(content).not.toContain('canary-secret')
})
