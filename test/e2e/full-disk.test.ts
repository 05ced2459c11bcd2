import { spawnSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { chatBody, completion } from '../harness/completions.ts'
import { answerJson, pause } from '../harness/scripted-upstream.ts'
import { CAN_MOUNT } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig | null = null
afterEach(() => rig?.stop(), 20_000)

/** Writes until nothing more goes in. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let size = 1 << 20; size >= 1;) {
      try {
        if (writeSync(file, Buffer.alloc(size)) < size) size >>= 1
      } catch {
        size >>= 1
      }
    }
  } finally {
    closeSync(file)
  }
}

const COUNT_ROWS = `
  const { DatabaseSync } = require('node:sqlite')
  const counts = [['ledger.db', 'entry'], ['calls.db', 'call']].map(([file, table]) => {
    const database = new DatabaseSync(process.argv[1] + '/' + file, { readOnly: true, timeout: 5000 })
    const { integrity_check: integrity } = database.prepare('PRAGMA integrity_check').get()
    return { integrity, rows: Number(database.prepare('SELECT count(*) AS count FROM ' + table).get().count) }
  })
  console.log(JSON.stringify(counts))`

/** Rows of the ledger and of the log, looked at where the disk is: nobody else sees it. */
function rowsIn({ headrace }: Rig): { ledger: number, log: number } {
  const ran = spawnSync('nsenter', ['-t', String(headrace.pids().supervisor), '-m', process.execPath, '-e', COUNT_ROWS, join(headrace.directory, 'data')], { encoding: 'utf8' })
  if (ran.status !== 0) throw new Error(ran.stderr)
  const [ledger, log] = JSON.parse(ran.stdout) as { integrity: string, rows: number }[]
  expect([ledger?.integrity, log?.integrity]).toEqual(['ok', 'ok'])
  return { ledger: ledger?.rows ?? 0, log: log?.rows ?? 0 }
}

it('on a full disk nothing is sent that cannot be recorded, and service resumes by itself with every call in log and ledger (check D3; needs the right to mount)', { skip: !CAN_MOUNT, timeout: 60_000 }, async () => {
  const started = rig = await startRig({
    diskMib: 16,
    config: () => ({ prices: { 'up/*': { input: 1, output: 1 } }, budgets: [{ per: 'key', amount: '1000 USD', window: 'month' }], relay: { max_attempts: 1 } }),
  })
  started.upstream.on('*', answerJson(completion('x')))
  const statuses: number[] = []
  let stopping = false
  const clients = Array.from({ length: 4 }, async () => {
    while (!stopping) {
      statuses.push((await started.post(chatBody('up/any'))).status)
      await pause(10)
    }
  })
  const data = started.headrace.dataDirectory
  await until('some calls', () => statuses.length > 50)
  const ballast = join(data, 'ballast')
  for (let round = 0; round < 2; round++) {
    fill(ballast)
    await until('a refusal', () => { fill(ballast); return statuses.at(-1) === 503 }, 20_000)
    await pause(500)
    rmSync(ballast)
    // The disk is tried again once per second.
    const before = statuses.length
    await until('service to resume', () => statuses.slice(before).includes(200), 20_000)
  }
  await pause(300)
  stopping = true
  await Promise.all(clients)
  expect(statuses.filter(status => status !== 200 && status !== 503)).toEqual([])
  const answered = statuses.filter(status => status === 200).length
  expect(started.upstream.requests.length).toBe(answered)
  await until('each call in the ledger', () => rowsIn(started).ledger >= answered, 20_000)
  expect(rowsIn(started).ledger).toBe(answered)
  expect(rowsIn(started).log).toBeGreaterThanOrEqual(answered)
})
