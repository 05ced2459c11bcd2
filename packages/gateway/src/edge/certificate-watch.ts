import { realpathSync, statSync, watch, type FSWatcher } from 'node:fs'
import { dirname } from 'node:path'
import { readCertificate, type Certificate, type CertificateFiles } from './certificate.ts'

/** Events come in bursts and renewals in two files: from the first event to the look at the files, ms. */
const SETTLE_MS = 250
/** A pair that does not fit may be half written: it is looked at again this much later, and complained about if it still does not fit, ms. */
const LOOK_AGAIN_MS = 1_000
/** Network file systems and bind mounts tell of no changes: a look without any event, ms. */
const POLL_MS = 15_000

export interface CertificateWatchOptions {
  /** The files hold another certificate than before, and it is good. */
  readonly onRenewed: (certificate: Certificate) => void
  /** The files cannot be used. Told once per fault; what was good before stays in use. */
  readonly onProblem: (problem: string) => void
}

/**
 * Keeps an eye on a certificate's files. Directories are watched, not files, so that renames and symlink swaps (certbot, Kubernetes secrets)
 * are seen; names in events are not looked at, since a swap happens to another name. `follow(null)` or `close()` stops it.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions
  #files: CertificateFiles | null = null
  #current: Certificate | null = null
  /** By the directory's identity. */
  readonly #watchers = new Map<string, FSWatcher>()
  #timer: NodeJS.Timeout | null = null
  #poll: NodeJS.Timeout | null = null
  /** The fault of the last look; `#told` = it was passed on. */
  #problem = ''
  #told = ''

  constructor(options: CertificateWatchOptions) {
    this.#options = options
  }

  /**
   * The certificate of these files. Throws as `readCertificate`. Of files that are followed already it is the one in use: a renewal that
   * broke is the next look's to tell of, and keeps nobody from changing something else of the configuration.
   */
  take(files: CertificateFiles | null): Certificate | null {
    if (files === null) return null
    const isFollowed = this.#files?.cert === files.cert && this.#files.key === files.key
    return isFollowed && this.#current !== null ? this.#current : readCertificate(files)
  }

  /** Watches these files from now on; `current` is what was read from them last. */
  follow(files: CertificateFiles | null, current: Certificate | null): void {
    this.close()
    if (files === null) return
    this.#files = files
    this.#current = current
    this.#arm(files)
    this.#poll = setInterval(() => this.#look(), POLL_MS).unref()
    // What changed between reading and watching made no event.
    this.#lookIn(SETTLE_MS)
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#poll !== null) clearInterval(this.#poll)
    this.#timer = this.#poll = this.#files = this.#current = null
    this.#problem = this.#told = ''
  }

  /** Not put off by further events: a busy directory must not keep a renewal waiting. */
  #lookIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#look()
    }, ms).unref()
  }

  #look(): void {
    const files = this.#files
    if (files === null) return
    this.#arm(files)
    let found: Certificate
    try {
      found = readCertificate(files)
    } catch (error) {
      return this.#complain(error instanceof Error ? error.message : String(error))
    }
    this.#problem = this.#told = ''
    if (found.cert === this.#current?.cert && found.key === this.#current.key) return
    this.#current = found
    this.#options.onRenewed(found)
  }

  #complain(problem: string): void {
    const stands = problem === this.#problem
    this.#problem = problem
    this.#lookIn(LOOK_AGAIN_MS)
    if (!stands || problem === this.#told) return
    this.#told = problem
    this.#options.onProblem(problem)
  }

  /** Where the paths lead may have changed: watches the directories of both files, as named and as resolved, and no others. */
  #arm(files: CertificateFiles): void {
    const wanted = new Map([files.cert, files.key].flatMap(path => [dirname(path), resolvedDirectory(path)]).map(path => [identity(path), path]))
    for (const [id, watcher] of this.#watchers) {
      if (wanted.has(id)) continue
      watcher.close()
      this.#watchers.delete(id)
    }
    for (const [id, directory] of wanted) if (id !== '' && !this.#watchers.has(id)) this.#watch(id, directory)
  }

  #watch(id: string, directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#lookIn(SETTLE_MS))
      this.#watchers.set(id, watcher)
      watcher.on('error', () => {
        watcher.close()
        if (this.#watchers.get(id) === watcher) this.#watchers.delete(id)
      })
    } catch { /* No watches left, or it is gone: the poll looks again. */ }
  }
}

/** A directory that was removed and made anew under its old name is another one: the watch on it is dead. '' = there is none. */
function identity(directory: string): string {
  try {
    const { dev, ino } = statSync(directory)
    return `${dev}:${ino}`
  } catch {
    return ''
  }
}

function resolvedDirectory(path: string): string {
  try {
    return dirname(realpathSync(path))
  } catch {
    return dirname(path)
  }
}
