import { join, resolve } from 'node:path'
import { askInstance, type InstanceRequest } from '../instance-request.ts'

/** Longer than all successors of a large machine take to start, ms. */
const LIMIT_MS = 10 * 60_000

/** Replaces the workers of what runs on a data directory, and waits until all are. Returns the exit code. */
export function restart(options: { readonly data: string }): Promise<number> {
  return ask(options.data, { kind: 'restart', command: [] })
}

/** Has what runs on a data directory replaced by this program, supervisor and all, and waits until it is. Returns the exit code. */
export function upgrade(options: { readonly data: string }): Promise<number> {
  // The same from the sources (`src/commands`) and from the bundle (`dist`).
  const root = join(import.meta.dirname, import.meta.url.endsWith('.ts') ? '../..' : '..')
  return ask(options.data, { kind: 'upgrade', command: [process.execPath, join(root, 'bin/headrace.cjs')] })
}

async function ask(data: string, request: Omit<InstanceRequest, 'id'>): Promise<number> {
  const done = await askInstance(resolve(data), request, LIMIT_MS)
  process[done.ok ? 'stdout' : 'stderr'].write(done.ok ? `${done.value}\n` : `headrace: ${done.error}\n`)
  return done.ok ? 0 : 1
}
