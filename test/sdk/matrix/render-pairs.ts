import type { Outbound } from './lanes.ts'
import { list, tick } from './render-table.ts'
import type { Cell } from './run-matrix.ts'
import type { Feature } from './sdk.ts'
import { readCase, translateAnswer, translateRequest } from '../../wire/wire-case.ts'
import { isOf, wireFiles, type Subject, type WireFile } from '../../wire/wire-files.ts'

/** What README tells of each pair of dialects: what the SDKs of the one do over providers of the other, and what their golden files hold. */
const COLUMNS = {
  'chat': { sdk: 'chat', golden: 'text' },
  'stream': { sdk: 'stream', golden: 'stream' },
  'tools': { sdk: 'tools', golden: 'tools' },
  'parallel tools': { sdk: 'parallel tools', golden: 'parallel tools' },
  'tool results': { sdk: 'tools', golden: 'tool results' },
  'structured output': { sdk: 'structured output', golden: 'structured output' },
  'images': { sdk: 'images', golden: 'images' },
  'reasoning': { sdk: 'reasoning', golden: 'reasoning' },
  'refusal, filter': { sdk: null, golden: 'refusal or filter' },
  'usage': { sdk: null, golden: 'usage' },
  'abort': { sdk: 'abort', golden: null },
  'errors by class': { sdk: 'errors', golden: 'error' },
  'broken streams': { sdk: 'broken streams', golden: 'error in mid-stream' },
} as const satisfies Readonly<Record<string, { readonly sdk: Feature | null, readonly golden: Subject | null }>>

/** A golden file gives what it says; how it is cut is `test/wire`'s to try. */
function holds({ folder, path }: WireFile): boolean {
  const wire = readCase(folder, path)
  return translateRequest(wire).text === wire.expectedRequest && translateAnswer(wire, wire.reads.map(read => Buffer.from(read))) === wire.expectedAnswer
}

/** README's table of pairs: a tick where every SDK and every golden file is green, else what is not. */
export function renderPairs(cells: readonly Cell[], outbounds: readonly Outbound[]): string {
  const files = wireFiles()
  const red = new Set(files.filter(file => !holds(file)))
  let asked = 0
  let green = 0
  const lines = outbounds.flatMap(inbound => outbounds.map((outbound) => {
    const own = files.filter(file => file.folder === `${inbound.dialect}--${outbound.dialect}`)
    const marks = Object.values(COLUMNS).map(({ sdk, golden }) => {
      const runs = cells.filter(cell => cell.sdk.speaks === inbound.name && cell.outbound === outbound && cell.feature === sdk)
      const held = golden === null ? [] : own.filter(file => isOf(golden, file))
      const problems = [...runs.filter(cell => cell.problem !== '').map(cell => `\`${cell.sdk.name}\``), ...held.filter(file => red.has(file)).map(file => `\`${file.name}\``)]
      if (sdk !== null && runs.length === 0) problems.push('no SDK asked')
      if (golden !== null && held.length === 0) problems.push('no golden file')
      asked++
      if (problems.length === 0) green++
      return tick(problems)
    })
    return `| ${inbound.name} | ${outbound.name} | ${marks.join(' | ')} |`
  }))
  const names = Object.keys(COLUMNS)
  return [
    `${green} of ${asked} green: ${list(outbounds.map(({ name }) => name))} over each other and over themselves.`, '',
    `| client speaks | provider speaks | ${names.join(' | ')} |`, `|---|---|${names.map(() => '---|').join('')}`, ...lines,
  ].join('\n')
}
