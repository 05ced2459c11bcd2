import type { ConfigError } from './config-error.ts'
import type { LocatedDocument, Path } from './located-document.ts'

/** Collects what is found while a checked file is resolved. */
export class ConfigProblems {
  readonly errors: ConfigError[] = []
  readonly warnings: string[] = []
  readonly #document: LocatedDocument | null

  constructor(document: LocatedDocument | null) {
    this.#document = document
  }

  error(path: Path, message: string, at: 'key' | 'value' = 'value'): void {
    this.errors.push(this.#document?.errorAt(path, message, at) ?? { message, line: 0, column: 0, path: path.join('.') })
  }

  /** Something that works and is probably not wanted. */
  warn(path: Path, message: string): void {
    const place = this.#document?.errorAt(path, message)
    this.warnings.push(place === undefined ? message : `line ${place.line}: ${message}`)
  }

  interpolated(path: Path): boolean {
    return this.#document?.interpolated(path) ?? false
  }
}
