import { readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import type { CounterState } from '@headrace/contract'

/** Counters written between two turns of the event loop: the authority goes on answering. */
const BATCH = 200
const HEAD = '{"headrace":"limits","version":1}'

/** Writes counters, one JSON line each, beside the file and then in its place: a crash leaves the old one whole. */
export async function writeState(path: string, counters: Iterable<CounterState>): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    let lines = `${HEAD}\n`
    let count = 0
    for (const counter of counters) {
      lines += `${JSON.stringify(counter)}\n`
      if (++count % BATCH !== 0) continue
      await file.write(lines)
      lines = ''
    }
    await file.write(lines)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

/** The counters of a file; none if there is no file. Throws where it cannot be read or is none of ours. */
export function readState(path: string): CounterState[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
  const [head, ...lines] = text.split('\n')
  if (head !== HEAD) throw new Error('it is not a file of limits of this version')
  return lines.filter(line => line !== '').map(line => {
    const counter: unknown = JSON.parse(line)
    if (!isState(counter)) throw new Error('it holds something that is no counter')
    return counter
  })
}

function isState(value: unknown): value is CounterState {
  if (typeof value !== 'object' || value === null) return false
  const { key, group, spec, used } = value as Partial<CounterState>
  return typeof key === 'string' && typeof group === 'string' && typeof spec === 'object' && spec !== null && spec.kind === 'calendar' && Number.isSafeInteger(spec.limit)
    && Object.hasOwn({ day: 0, week: 0, month: 0 }, spec.period)
    && Array.isArray(used) && used.every((entry: unknown) => Array.isArray(entry) && Number.isSafeInteger(entry[0]) && Number.isSafeInteger(entry[1]))
}
