import type { Cell } from './run-matrix.ts'
import { FEATURES } from './sdk.ts'

/** Cells that are not green, and why. Whoever mends one takes it from here. */
export const KNOWN_GAPS: readonly { readonly sdk: string, readonly speaks: string, readonly over: string, readonly feature: string, readonly why: string }[] = []

export const gapOf = (cell: Cell): typeof KNOWN_GAPS[number] | undefined => KNOWN_GAPS.find(gap =>
  gap.sdk === cell.sdk.name && gap.speaks === cell.sdk.speaks && gap.over === cell.outbound.name && gap.feature === cell.feature)

export const list = (words: readonly string[]): string => words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`

/** '' problems = green. */
export const tick = (problems: readonly string[]): string => problems.length === 0 ? '✓' : `not ${list(problems)}`

/** README's table of SDKs: a tick where a feature is green over every provider dialect; where it is not, over which it is not. */
export function renderTable(cells: readonly Cell[]): string {
  const rows = [...new Set(cells.map(cell => cell.sdk))]
  const outbounds = [...new Set(cells.map(cell => cell.outbound.name))]
  const lines = rows.map((sdk) => {
    const marks = FEATURES.map((feature) => {
      const red = cells.filter(cell => cell.sdk === sdk && cell.feature === feature && cell.problem !== '').map(cell => cell.outbound.name)
      return tick(red.map(name => `over ${name}`))
    })
    return `| \`${sdk.name}\` | ${sdk.speaks} | ${marks.join(' | ')} |`
  })
  const red = cells.filter(cell => cell.problem !== '')
  return [
    `${cells.length - red.length} of ${cells.length} green: each SDK, unchanged, over providers that speak ${list(outbounds)}.`,
    '',
    `| SDK | speaks | ${FEATURES.join(' | ')} |`, `|---|---|${FEATURES.map(() => '---|').join('')}`,
    ...lines,
    ...(red.length === 0 ? [] : ['', ...red.map(cell => `* Not green: \`${cell.sdk.name}\` (${cell.sdk.speaks}) over ${cell.outbound.name}, ${cell.feature}: ${gapOf(cell)?.why ?? cell.problem}.`)]),
  ].join('\n')
}
