// Runs on a tmpfs of 256 KiB (argv[2]): journals until the disk is full, makes room, goes on, and reports what the reader finds.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MemoryLogStore } from '@headrace/stores'
import { createJournal } from '../../packages/gateway/src/observability/journal.ts'
import { LogCollector } from '../../packages/stores/src/log-writer/log-collector.ts'
import { attempting, snapshot } from './exchanges.ts'

const directory = process.argv[2] ?? ''
const ballast = join(directory, 'ballast')
writeFileSync(ballast, Buffer.alloc(200 * 1024))
const journal = createJournal({ directory, prefix: 'w1' })
const policy = snapshot()
const went: string[] = []
let refused = false
const begin = (id: string): void => {
  journal.intent(attempting(id, policy), { proceed() { went.push(`${id}.1`) }, refuse() { refused = true } })
  journal.flush()
}
for (let index = 0; index < 2000 && !refused; index++) begin(`a${index}`)
rmSync(ballast)
await delay(1100)
const before = went.length
for (let index = 0; index < 10; index++) begin(`b${index}`)
journal.close()
const store = new MemoryLogStore()
const collector = new LogCollector({ directory, store, onStored() {}, onProblem() {} })
collector.exited('w1')
for (const _ of collector.pass());
const rows = store.query({ tenant: 'default', after: 0, limit: 1000 }).map(row => row.record.callId)
console.log(JSON.stringify({ refused, recovered: went.length === before + 10, lost: went.filter(id => !rows.includes(id)).length, doubled: rows.length - new Set(rows).size }))
