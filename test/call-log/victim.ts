// A worker in miniature: journals calls without end and writes the id of each one that was allowed to go out to "the provider" (a file), until it is killed.
import { appendFileSync } from 'node:fs'
import { createJournal } from '../../packages/gateway/src/observability/journal.ts'
import { answered, attempting, snapshot } from './exchanges.ts'

const [directory = '', prefix = '', upstream = ''] = process.argv.slice(2)
const journal = createJournal({ directory, prefix, rotateBytes: 20_000 })
const policy = snapshot()
let count = 0

function begin(): void {
  const x = attempting(`${prefix}-${++count}`, policy)
  journal.intent(x, {
    proceed() {
      appendFileSync(upstream, `${x.id}.1\n`)
      setTimeout(() => {
        journal.settle(answered(x), 'settled', true)
        begin()
      }, count % 7)
    },
    refuse() { process.exit(1) },
  })
}
for (let index = 0; index < 16; index++) begin()
console.log('running')
