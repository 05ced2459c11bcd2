import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import { OUTBOUND } from './lanes.ts'
import { renderPairs } from './render-pairs.ts'
import { gapOf, renderTable } from './render-table.ts'
import { runMatrix, type Cell } from './run-matrix.ts'
import { SDKS } from './sdks.ts'

const README = new URL('../../../README.md', import.meta.url)

/** What stands in README between a comment that names it and `<!-- end -->`. */
function expectInReadme(mark: string, table: string): void {
  const page = readFileSync(README, 'utf8')
  const begin = `<!-- ${mark} -->\n`
  const from = page.indexOf(begin) + begin.length
  const to = page.indexOf('\n<!-- end -->', from)
  expect(from >= begin.length && to >= from).toBe(true)
  if (process.env['HEADRACE_MATRIX'] === 'write') writeFileSync(README, page.slice(0, from) + table + page.slice(to))
  else expect(page.slice(from, to)).toBe(table)
}

let cells: readonly Cell[]
beforeAll(async () => {
  // It would print a line for each model that it does not know.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })
  cells = await runMatrix(SDKS)
}, 120_000)

it('every SDK does everything over every provider dialect, but for the gaps that are named', () => {
  const unexpected = cells.filter(cell => (cell.problem === '') === (gapOf(cell) !== undefined))
  expect(unexpected.map(cell => `${cell.sdk.name} (${cell.sdk.speaks}) over ${cell.outbound.name}, ${cell.feature}: ${cell.problem === '' ? 'is green now: take it from the gaps' : cell.problem}`)).toEqual([])
})

it('README tells how it went, of each SDK and of each pair of dialects (HEADRACE_MATRIX=write writes it)', () => {
  expectInReadme('pairs, written by test/sdk/matrix', renderPairs(cells, OUTBOUND))
  expectInReadme('written by test/sdk/matrix', renderTable(cells))
})
