import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { KeyWriter } from '../../packages/stores/src/idempotency/key-writer.ts'
import { SqliteContextStore } from '../../packages/stores/src/sqlite/context-store.ts'
import { SqliteIdempotencyStore } from '../../packages/stores/src/sqlite/idempotency-store.ts'
import { SqliteKeyStore } from '../../packages/stores/src/sqlite/key-store.ts'
import { SqliteLedgerStore } from '../../packages/stores/src/sqlite/ledger-store.ts'
import { sampleEntry } from '../../packages/stores/src/suites/ledger-store-suite.ts'

const LATER = Date.UTC(2100, 0)
const WRITES = 12
/** More than the syncs that are made to fail. */
const TRIES = 40

interface Subject {
  /** Throws or rejects when the write may not be durable. */
  write(id: string): unknown
  /** What its owner does after a failure. */
  reopen(): void
  has(id: string): unknown
}

/** Each store behind what uses it: the ledger's and the keys' owners begin anew after a failure, the others go on. */
const SUBJECTS: Readonly<Record<string, (path: string) => Subject>> = {
  'ledger.db': path => {
    let store: SqliteLedgerStore | null = null
    const open = (): SqliteLedgerStore => store ??= new SqliteLedgerStore(path)
    return {
      write: id => open().append([sampleEntry({ callId: id })]),
      reopen() { store?.close(); store = null },
      has: id => open().find(id) !== null,
    }
  },
  'headrace.db': path => {
    const store = new SqliteKeyStore(path)
    return {
      write: id => store.add('default', { tenant: 'default', prefix: 'hr_x', keyId: id, name: id, digest: id, team: null, app: null, scopes: ['inference'], models: null, expiresAt: null, createdAt: 0 }),
      reopen() {},
      has: async id => (await store.all()).some(({ keyId }) => keyId === id),
    }
  },
  'contexts.db': path => {
    const store = new SqliteContextStore(path)
    return {
      write: id => store.create('t', { id, kind: 'context', ttlMs: null, metadata: '', settings: '', items: [{ bytes: Buffer.from('{}'), text: id }] }, 0),
      reopen() {},
      has: async id => await store.state('t', id, 0) !== null,
    }
  },
  'idempotency.db': path => {
    let hear: (problem: string | null) => void = () => undefined
    const writer = new KeyWriter(path, outcome => hear(outcome.type === 'key' ? null : outcome.problem))
    return {
      write: id => new Promise<void>((resolve, reject) => {
        hear = problem => problem === null ? resolve() : reject(new Error(problem))
        writer.take({ type: 'key', ticket: 1, operation: { op: 'claim', claim: { tenant: 't', id, fingerprint: 'f', owner: 'o', token: id, until: LATER } } })
      }),
      reopen() {},
      has(id) {
        writer.close()
        const store = new SqliteIdempotencyStore(path)
        try {
          return store.claim({ tenant: 't', id, fingerprint: 'f', owner: 'o', token: 'another', until: LATER }, 0) === 'running'
        } finally {
          store.close()
        }
      },
    }
  },
}

/** Writes to a store whose syncs fail now and then, each until it is acknowledged: `node failing-sync-writes.ts DIRECTORY FILE`. Says what came of each try in the file `said`, for a tracer. */
if (import.meta.main) {
  const [directory = '', file = ''] = process.argv.slice(2)
  const subject = SUBJECTS[file]?.(join(directory, file))
  if (subject === undefined) throw new Error(`no such store: ${file}`)
  const said = openSync(join(directory, 'said'), 'w')
  const ids = Array.from({ length: WRITES }, (_, index) => `w${index}`)
  for (const id of ids) {
    for (let tries = 0, done = false; !done; tries++) {
      if (tries > TRIES) throw new Error(`${id} is refused for ever`)
      try {
        await subject.write(id)
        writeSync(said, 'ACK\n')
        done = true
      } catch {
        writeSync(said, 'REFUSED\n')
        subject.reopen()
      }
    }
  }
  for (const id of ids) if (!await subject.has(id)) throw new Error(`${id} was acknowledged and is not there`)
}
