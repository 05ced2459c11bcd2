import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claimDataDirectory, readInstance, releaseDataDirectory } from './pid-file.ts'

let data = ''
beforeEach(() => { data = mkdtempSync(join(tmpdir(), 'headrace-pid-')) })
afterEach(() => { rmSync(data, { recursive: true, force: true }) })

test('a directory in use is refused, with the process that has it', () => {
  expect(claimDataDirectory(data).ok).toBe(true)
  const second = claimDataDirectory(data)
  expect(second.ok ? '' : second.error).toContain(`process ${process.pid}`)
})

test('a released directory can be taken again', () => {
  claimDataDirectory(data)
  releaseDataDirectory(data)
  expect(readInstance(data)).toBeNull()
  expect(claimDataDirectory(data).ok).toBe(true)
})

test('a process that merely has the same id as a dead Headrace does not hold the directory', () => {
  claimDataDirectory(data)
  const path = join(data, 'headrace.pid.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"startedAt":"\d+"/, '"startedAt":"1"'))
  expect(readInstance(data)).toBeNull()
  expect(claimDataDirectory(data).ok).toBe(true)
})
