import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { readSpend } from '@headrace/stores'
import { afterEach, expect, it } from 'vitest'
import { chatBody, completion } from '../harness/completions.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { ADMIN_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const CAN_TRACE = spawnSync('strace', ['-V']).status === 0
let rig: Rig | null = null
afterEach(() => rig?.stop(), 20_000)

/** From now on every sync of these files fails in a process that runs. Returns what mends the disk, or null where one process may not trace another. */
async function failSyncs(pid: number, paths: readonly string[]): Promise<(() => Promise<void>) | null> {
  const strace = spawn('strace', ['-f', '-p', String(pid), ...paths.flatMap(path => ['-P', path]), '-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO', '-o', '/dev/null'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  strace.stderr.on('data', chunk => { said += String(chunk) })
  await until('strace to attach', () => /attached/.test(said) || strace.exitCode !== null)
  if (strace.exitCode !== null) return null
  return async () => {
    strace.kill('SIGINT')
    await once(strace, 'exit')
  }
}

it('tells nobody that something is kept while no disk syncs it, says so, and goes on by itself with every call in the ledger (check D3; needs the right to trace)', { skip: !CAN_TRACE, timeout: 60_000 }, async context => {
  const started = rig = await startRig({ args: ['--workers', '1'], config: () => ({ prices: { 'up/*': { input: 1, output: 1 } }, budgets: [{ per: 'key', amount: '1000 USD', window: 'month' }] }) })
  const { headrace, upstream } = started
  upstream.on('*', answerJson(completion('x')))
  /** Makes a key, makes a context, runs a request once, and calls: what came of each. */
  const keepAll = async (tag: string): Promise<number[]> => {
    const key = fetch(`${headrace.url}/admin/v1/keys`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ name: tag }) })
    const asked = [key, ...[['headrace-context', 'new'], ['idempotency-key', tag], ['x-tag', tag]].map(([name = '', value = '']) => started.post(chatBody('up/any'), [[name, value]]))]
    return (await Promise.all(asked)).map(({ status }) => status)
  }
  const inLedger = (): number => readSpend(join(headrace.dataDirectory, 'ledger.db'), { by: [] })[0]?.calls ?? 0
  expect(await keepAll('before')).toEqual([201, 200, 200, 200])
  await until('the calls in the ledger', () => inLedger() === upstream.requests.length)

  const mend = await failSyncs(headrace.pids().control, ['ledger.db', 'headrace.db', 'contexts.db', 'idempotency.db'].map(file => join(headrace.dataDirectory, `${file}-wal`)))
  if (mend === null) return context.skip('one process may not trace another here')
  try {
    // A call is on file before it goes out; the ledger takes it from there when it can.
    expect(await keepAll('during')).toEqual([500, 503, 503, 200])
    await until('it to be said', () => ['The admin API failed', 'Contexts cannot be', 'Idempotency keys cannot be', 'The call log cannot be'].every(problem => headrace.output().includes(problem)))
  } finally {
    await mend()
  }
  expect(await keepAll('after')).toEqual([201, 200, 200, 200])
  await until('the calls in the ledger', () => inLedger() === upstream.requests.length, 20_000)
  const { body } = await headrace.admin('/keys')
  const names = (body as { keys: readonly { name: string }[] }).keys.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['before', 'after']))
  expect(names).not.toContain('during')
})
