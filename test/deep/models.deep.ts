import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { REPOSITORY } from '../harness/start-headrace.ts'

const has = (program: string, flag: string): boolean => spawnSync(program, [flag]).error === undefined
const able = has('spin', '-V') && has('gcc', '--version')

/** Builds and runs the checker of a model; what it printed. */
function check(model: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-model-'))
  const run = (program: string, args: readonly string[]): string => {
    const ran = spawnSync(program, args, { cwd: directory, encoding: 'utf8', timeout: 240_000 })
    if (ran.status !== 0) throw new Error(`${program} failed (${ran.status ?? ran.signal ?? ''}):\n${ran.stdout}${ran.stderr}`)
    return ran.stdout
  }
  try {
    cpSync(join(REPOSITORY, 'docs/models', model), join(directory, model))
    run('spin', ['-a', model])
    run('gcc', ['-O2', '-DSAFETY', '-DCOLLAPSE', '-o', 'pan', 'pan.c'])
    return run('./pan', ['-m200000'])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

it('spin and gcc are there where everything must be proved', () => {
  if (process.env['CI'] === 'true') expect(able).toBe(true)
})

it.skipIf(!able)('no interleaving of reserve, settle, expire, crash, duplicate and late settlement loses or doubles money (needs spin and gcc)', () => {
  const told = check('ledger.pml')
  expect(told).toContain('errors: 0')
  expect(told).not.toContain('max search depth too small')
  expect(Number(/(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored/.exec(told)?.[1])).toBeGreaterThan(1_000)
})
