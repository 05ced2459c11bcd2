import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const CAN_TRACE = spawnSync('strace', ['-V']).status === 0
const WRITES = 50

it('strace is there where everything must be proved', () => {
  if (process.env['CI'] === 'true') expect(CAN_TRACE).toBe(true)
})

/** `kill -9` cannot tell whether a file was synced: what was written outlives the process either way. The order of the calls can. */
it.skipIf(!CAN_TRACE)('a write to the ledger or to the keys is acknowledged after its file was synced, and was synced after it was written (check D2; needs strace)', { timeout: 60_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-sync-'))
  try {
    const trace = join(directory, 'trace')
    const program = join(import.meta.dirname, '../harness/durable-writes.ts')
    const ran = spawnSync('strace', ['-f', '-y', '-e', 'trace=pwrite64,write,fsync,fdatasync', '-o', trace, process.execPath, program, directory, String(WRITES)], { encoding: 'utf8' })
    expect(ran.stderr).toBe('')
    expect(ran.status).toBe(0)
    /** What was written to each file and not synced since. */
    const unsynced = new Map<string, number>()
    const synced = new Map<string, number>()
    const acknowledged = new Map<string, number>()
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      const file = /\d<[^>]*\/((?:ledger|headrace)\.db(?:-wal)?)>/.exec(line)?.[1]
      const ack = /"ACK (\S+)\\n"/.exec(line)?.[1]
      if (file !== undefined && /pwrite64|write\(/.test(line)) unsynced.set(file, (unsynced.get(file) ?? 0) + 1)
      else if (file !== undefined && /f(data)?sync\(/.test(line)) {
        if ((unsynced.get(file) ?? 0) > 0) synced.set(file, (synced.get(file) ?? 0) + 1)
        unsynced.delete(file)
      } else if (ack !== undefined) {
        expect(unsynced.get(`${ack}-wal`) ?? 0, line).toBe(0)
        acknowledged.set(ack, (acknowledged.get(ack) ?? 0) + 1)
      }
    }
    for (const file of ['ledger.db', 'headrace.db']) {
      expect(acknowledged.get(file)).toBe(WRITES)
      expect(synced.get(`${file}-wal`)).toBeGreaterThanOrEqual(WRITES)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
