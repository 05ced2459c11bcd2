import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const CAN_TRACE = spawnSync('strace', ['-V']).status === 0
const PROGRAM = join(import.meta.dirname, '../harness/failing-sync-writes.ts')

/** The calls of a process whose syncs of this file's log of changes fail from the 9th to the 14th: `write`, `synced`, `failed`, `ACK`, `REFUSED`, in their order. */
function traceOf(file: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-sync-'))
  try {
    const trace = join(directory, 'trace')
    const ran = spawnSync('strace', ['-f', '-y', '-P', join(directory, `${file}-wal`), '-P', join(directory, 'said'), '-e', 'trace=pwrite64,write,fsync,fdatasync',
      '-e', 'inject=fsync,fdatasync:error=EIO:when=9..14', '-o', trace, process.execPath, PROGRAM, directory, file], { encoding: 'utf8' })
    expect(ran.stderr).toBe('')
    expect(ran.status).toBe(0)
    return readFileSync(trace, 'utf8').split('\n').flatMap(line =>
      /"(ACK|REFUSED)\\n"/.exec(line)?.[1] ?? (/sync.* = 0$/.test(line) ? 'synced' : line.endsWith('(INJECTED)') ? 'failed' : / p?write(64)?\(/.test(line) ? 'write' : []))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

describe.skipIf(!CAN_TRACE)('a disk that fails to sync (check D3; needs strace)', () => {
  it.each(['ledger.db', 'headrace.db', 'contexts.db', 'idempotency.db'])('%s: what a failed sync left open is written again and synced before anything is acknowledged, and all that was acknowledged is there', file => {
    const events = traceOf(file)
    /** `lost`: the kernel has forgotten it, and says of the next sync that it went well. */
    let state: 'durable' | 'lost' | 'written' = 'written'
    for (const event of events) {
      if (event === 'failed') state = 'lost'
      else if (event === 'write') state = 'written'
      else if (event === 'synced') state = state === 'written' ? 'durable' : state
      else if (event === 'ACK') expect(state, events.join(' ')).toBe('durable')
    }
    expect(events.filter(event => event === 'ACK').length).toBe(12)
    expect(events.filter(event => event === 'failed').length).toBe(6)
    expect(events.indexOf('REFUSED')).toBeGreaterThan(events.indexOf('ACK'))
  })
})
