import { readFileSync } from 'node:fs'
import { failure, success, type KeyRecord, type Result } from '@headrace/contract'
import { readCatalogue } from '@headrace/contract/catalogue'
import { formatConfigErrors, loadConfig, type ConfigError, type LoadedConfig } from '@headrace/contract/config'
import { KNOWN_PROVIDERS } from '@headrace/gateway/providers'

/** Where configuration comes from, apart from the file's text. */
export interface ConfigSource {
  readonly path: string | null
  /** Data directory: a catalogue may lie there. */
  readonly data: string
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface InvalidConfig {
  /** For people: every error with file, line and column. Holds no secret. */
  readonly text: string
  readonly errors: readonly ConfigError[]
}

/** The file's text; null without a file. A file that was named and cannot be read is an error. */
export function readConfigText(path: string | null): Result<string | null, InvalidConfig> {
  if (path === null) return success(null)
  try {
    return success(readFileSync(path, 'utf8'))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
    const problem: ConfigError = { message: `the file cannot be read (${code}): check that it exists and that Headrace may read it`, line: 0, column: 0, path: '' }
    return failure({ text: formatConfigErrors([problem], path, null), errors: [problem] })
  }
}

/** From text to a whole, checked configuration. */
export function compileConfig(source: ConfigSource, text: string | null, facts: { readonly version: number, readonly keys: readonly KeyRecord[], readonly sandboxUrl: string | null }): Result<LoadedConfig, InvalidConfig> {
  const loaded = loadConfig({ text, path: source.path, env: source.env, known: KNOWN_PROVIDERS, readFile: path => readFileSync(path, 'utf8'), catalogue: only => readCatalogue(source.data, only), ...facts })
  return loaded.ok ? loaded : failure({ text: formatConfigErrors(loaded.error, source.path, text), errors: loaded.error })
}
