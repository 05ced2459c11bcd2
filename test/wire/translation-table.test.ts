import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { renderTable } from './translation-table.ts'

it('docs/translation.md says what the translation does (HEADRACE_WIRE=write writes it)', () => {
  const page = new URL('../../docs/translation.md', import.meta.url)
  if (process.env['HEADRACE_WIRE'] === 'write') writeFileSync(page, renderTable())
  expect(readFileSync(page, 'utf8')).toBe(renderTable())
})
