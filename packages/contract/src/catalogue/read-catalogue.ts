import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { failure, success, type Result } from '../errors.ts'
import { MAX_CATALOGUE_BYTES, parseCatalogue } from './catalogue-text.ts'
import { Catalogue } from './catalogue.ts'

/** In the data directory: what `headrace catalog update` wrote, and what was there before. */
export const CATALOGUE_FILE = 'catalogue.json'
export const PREVIOUS_CATALOGUE_FILE = 'catalogue.previous.json'

export interface ReadCatalogue {
  readonly catalogue: Catalogue
  /** Path of the file that it came from. */
  readonly path: string
  /** What is wrong with the data directory's; '' = nothing. It is then as if it were not there. */
  readonly warning: string
}

/**
 * The catalogue in force: the data directory's where there is one and it is no older than the one that came with Headrace. Read when it is asked for, and not
 * kept. `only`: the providers whose models are wanted; null = all.
 */
export function readCatalogue(data: string | null, only: ReadonlySet<string> | null = null): ReadCatalogue {
  const ownPath = fileURLToPath(new URL('./catalogue.json', import.meta.url))
  const own = readFile(ownPath, only)
  if (!own.ok) throw new Error(`${ownPath}, which belongs to Headrace, cannot be used: ${own.error}`)
  const path = data === null ? null : join(data, CATALOGUE_FILE)
  if (path === null || statSync(path, { throwIfNoEntry: false }) === undefined) return { catalogue: own.value, path: ownPath, warning: '' }
  const updated = readFile(path, only)
  if (!updated.ok) return { catalogue: own.value, path: ownPath, warning: `${path} cannot be used (${updated.error}): the catalogue that came with Headrace (${own.value.date}) is in force` }
  return updated.value.date < own.value.date ? { catalogue: own.value, path: ownPath, warning: '' } : { catalogue: updated.value, path, warning: '' }
}

function readFile(path: string, only: ReadonlySet<string> | null): Result<Catalogue, string> {
  try {
    if (statSync(path).size > MAX_CATALOGUE_BYTES) return failure(`it is larger than ${MAX_CATALOGUE_BYTES / 2 ** 20} MiB`)
    const parsed = parseCatalogue(readFileSync(path, 'utf8'), only)
    return parsed.ok ? success(new Catalogue(parsed.value)) : parsed
  } catch (error) {
    return failure(error instanceof Error ? error.message : String(error))
  }
}
