// What does one logged call cost? In the worker: intent + settled through the journal, file write included. In the writer: one row, all in.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteLogStore } from '@headrace/stores'
import { createJournal } from '../packages/gateway/src/observability/journal.ts'
import { createMetrics } from '../packages/gateway/src/observability/metrics.ts'
import { LogCollector } from '../packages/stores/src/log-writer/log-collector.ts'
import { answered, attempting, snapshot } from '../test/call-log/exchanges.ts'

const CALLS = 128_000
const directory = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
const cpu = (): number => { const { user, system } = process.cpuUsage(); return user + system }
const perCall = (from: number, calls = CALLS): number => Math.round((cpu() - from) / calls * 100) / 100
const figures: Record<string, number> = {}
const holder = { proceed() {}, refuse() { throw new Error('refused') } }
const policy = snapshot()

for (const perTurn of [1, 8, 64]) {
  const journal = createJournal({ directory, prefix: `w${perTurn}` })
  const exchanges = Array.from({ length: perTurn }, (_, index) => answered(attempting(`0123456789ab-${index}`, policy)))
  let id = 0
  const round = (calls: number): void => {
    for (let done = 0; done < calls; done += perTurn) {
      for (const x of exchanges) {
        Object.assign(x, { id: `0123456789ab-${(++id).toString(36)}` })
        journal.intent(x, holder)
      }
      journal.flush()
      for (const x of exchanges) journal.settle(x, 'settled', true)
    }
  }
  round(CALLS / 8)
  const from = cpu()
  round(CALLS)
  figures[`journal_us_${perTurn}_per_turn`] = perCall(from)
  journal.close()
  const store = new SqliteLogStore(join(directory, `${perTurn}.db`))
  const collector = new LogCollector({ directory, store, onStored() {}, onProblem(problem) { throw new Error(problem) } })
  collector.exited(`w${perTurn}`)
  const reading = cpu()
  for (const _ of collector.pass());
  figures[`writer_us_${perTurn}_per_turn`] = perCall(reading, CALLS * 9 / 8)
  store.close()
}
const metrics = createMetrics()
const x = answered(attempting('x', policy))
for (let index = 0; index < CALLS; index++) metrics.observe(x, true)
const from = cpu()
for (let index = 0; index < CALLS * 8; index++) metrics.observe(x, true)
figures['metrics_us'] = perCall(from, CALLS * 8)
rmSync(directory, { recursive: true })

const targets = { journal_us_64_per_turn: 6, writer_us_64_per_turn: 12, metrics_us: 1 }
const pass = Object.entries(targets).every(([name, target]) => (figures[name] ?? Infinity) <= target)
console.log(JSON.stringify({ bench: 'call-log', figures, targets, pass }))
