import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { SqliteKeyStore } from '../../packages/stores/src/sqlite/key-store.ts'
import { SqliteLedgerStore } from '../../packages/stores/src/sqlite/ledger-store.ts'
import { sampleEntry } from '../../packages/stores/src/suites/ledger-store-suite.ts'

/** A process that acknowledges each durable write with a line on standard output, for a tracer to see the order: `node durable-writes.ts DIRECTORY COUNT`. */
if (import.meta.main) {
  const [directory = '', count = '0'] = process.argv.slice(2)
  const ledger = new SqliteLedgerStore(join(directory, 'ledger.db'))
  const keys = new SqliteKeyStore(join(directory, 'headrace.db'))
  writeSync(1, 'ACK open\n')
  for (let index = 0; index < Number(count); index++) {
    ledger.append([sampleEntry({ callId: `c${index}.1` })])
    writeSync(1, 'ACK ledger.db\n')
    await keys.add('default', { tenant: 'default', prefix: 'hr_x', keyId: `k${index}`, name: `k${index}`, digest: `d${index}`, team: null, app: null, scopes: ['inference'], models: null, expiresAt: null, createdAt: 0 })
    writeSync(1, 'ACK headrace.db\n')
  }
  ledger.close()
  await keys.close()
}
