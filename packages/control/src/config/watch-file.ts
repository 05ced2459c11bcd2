import { watch } from 'node:fs'
import { dirname } from 'node:path'

/** Quiet time after the last event before the file is looked at, ms: editors write, rename and touch in bursts. */
const QUIET_MS = 100
/** A directory that is never quiet is looked at all the same, ms. */
const LONGEST_MS = 1_000

/**
 * Calls `changed` some 100 ms after anything happened in the file's directory. The directory is watched and not the file, and names are not
 * looked at: editors replace the file, and mounted secrets and config maps swap a link beside it. The listener compares the text itself.
 */
export function watchFile(path: string, changed: () => void, onProblem: (problem: string) => void): () => void {
  let timer: NodeJS.Timeout | null = null
  let since = 0
  const fire = (): void => {
    timer = null
    changed()
  }
  const told = (): void => {
    const now = performance.now()
    if (timer === null) since = now
    else clearTimeout(timer)
    timer = setTimeout(fire, Math.max(0, Math.min(QUIET_MS, since + LONGEST_MS - now)))
  }
  const failed = (error: unknown): void => onProblem(`${path} is not watched (${error instanceof Error ? error.message : String(error)}): after a change, send SIGHUP or POST /admin/v1/reload.`)
  try {
    const watcher = watch(dirname(path), { persistent: false }, told)
    watcher.on('error', failed)
    return () => {
      watcher.close()
      if (timer !== null) clearTimeout(timer)
    }
  } catch (error) {
    failed(error)
    return () => {}
  }
}
