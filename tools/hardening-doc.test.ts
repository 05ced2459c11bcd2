import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const rows = [...readFileSync(join(root, 'docs/hardening.md'), 'utf8').matchAll(/^\| ([A-Z]\d+) \|.*\| (.*) \|$/gm)]
  .map(([, check = '', tests = '']) => ({ check, files: [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file) }))

test('docs/hardening.md has rows, each once', () => {
  expect(rows.length).toBeGreaterThan(10)
  expect(new Set(rows.map(row => row.check)).size).toBe(rows.length)
})

test.each(rows)('docs/hardening.md: the tests of $check are there and name it', ({ check, files }) => {
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) {
    expect(existsSync(join(root, file)), file).toBe(true)
    expect(readFileSync(join(root, file), 'utf8'), file).toMatch(new RegExp(`\\(check ${check}\\b`))
  }
})
