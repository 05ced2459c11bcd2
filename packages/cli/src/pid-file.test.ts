import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claimDataDirectory, readInstance, releaseDataDirectory } from './pid-file.ts'

let data = ''
beforeEach(() => { data = mkdtempSync(join(tmpdir(), 'headrace-pid-')) })
afterEach(() => { rmSync(data, { recursive: true, force: true }) })

test('a directory in use is refused, with the process that has it', () => {
  expect(claimDataDirectory(data, '').ok).toBe(true)
  const second = claimDataDirectory(data, '')
  expect(second.ok ? '' : second.error).toContain(`process ${process.pid}`)
})

test('a released directory can be taken again', () => {
  claimDataDirectory(data, '')
  releaseDataDirectory(data)
  expect(readInstance(data)).toBeNull()
  expect(claimDataDirectory(data, '').ok).toBe(true)
})

test('a process that merely has the same id as a dead Headrace does not hold the directory', () => {
  claimDataDirectory(data, '')
  const path = join(data, 'headrace.pid.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"startedAt":"\d+"/, '"startedAt":"1"'))
  expect(readInstance(data)).toBeNull()
  expect(claimDataDirectory(data, '').ok).toBe(true)
})

test('the socket that a dead Headrace left in the temporary folder is removed with its directory, and nothing that is no socket', async () => {
  const left = mkdtempSync(join(tmpdir(), 'headrace-left-'))
  const path = join(left, 'control.sock')
  for (const kind of ['file', 'socket'] as const) {
    if (kind === 'file') writeFileSync(path, '')
    else await leaveSocket(path)
    writeFileSync(join(data, 'headrace.pid.json'), JSON.stringify({ supervisor: 2 ** 30, startedAt: '', controlSocket: path }))
    expect(claimDataDirectory(data, '').ok).toBe(true)
    expect(existsSync(path)).toBe(kind === 'file')
    releaseDataDirectory(data)
    if (kind === 'file') rmSync(path)
  }
  expect(existsSync(left)).toBe(false)
})

/** As a process leaves it that was killed. */
function leaveSocket(path: string): Promise<void> {
  const child = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`])
  return new Promise(resolve => child.once('exit', () => resolve()))
}
