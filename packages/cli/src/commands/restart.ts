import { resolve } from 'node:path'
import { askInstance } from '../instance-request.ts'

/** Longer than all successors of a large machine take to start, ms. */
const LIMIT_MS = 10 * 60_000

/** Replaces the workers of what runs on a data directory, and waits until all are. Returns the exit code. */
export async function restart(options: { readonly data: string }): Promise<number> {
  const done = await askInstance(resolve(options.data), 'restart', LIMIT_MS)
  process[done.ok ? 'stdout' : 'stderr'].write(done.ok ? `${done.value}\n` : `headrace: ${done.error}\n`)
  return done.ok ? 0 : 1
}
