import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Catalogue, failure, success, type CatalogueData, type ModelFacts, type Result } from '@headrace/contract'
import { CATALOGUE_FILE, parseCatalogue, PREVIOUS_CATALOGUE_FILE, readCatalogue, renderCatalogue } from '@headrace/contract/catalogue'
import { KNOWN_PROVIDERS } from '@headrace/gateway/providers'
import { catalogueFrom } from '../catalogue/catalogue-from.ts'
import { mergeCatalogue } from '../catalogue/merge-catalogue.ts'
import { fetchPackage, fetchReleaseDate } from '../catalogue/package-files.ts'
import { GENAI_PACKAGE, PI_PACKAGE, readSources } from '../catalogue/read-sources.ts'
import type { CatalogFlags } from './program.ts'

/** A new catalogue with fewer than this share of the models of the one in force is not put in its place: its sources have changed their form, not their minds. */
const LEAST_SHARE = 0.8
const SHOWN_CHANGES = 40

/** Where new data comes from. Throws where it cannot be had. */
export type Gather = () => Promise<CatalogueData>

/** Makes the catalogue anew from the packages' latest releases, or takes one that is made already (`from`), and puts it into the data directory. Returns 1 where it could not, with the old one in force. */
export async function updateCatalogue({ data, dryRun, force, from }: CatalogFlags, gather: Gather = from === undefined ? gatherLatest : () => catalogueFrom(from)): Promise<number> {
  let gathered: CatalogueData
  try {
    gathered = await gather()
  } catch (error) {
    return complain(`the new catalogue cannot be had: ${error instanceof Error ? error.message : String(error)}. The catalogue stays as it is.`)
  }
  const { catalogue: before, warning } = readCatalogue(data)
  if (warning !== '') process.stderr.write(`Warning: ${warning}\n`)
  const text = renderCatalogue(gathered)
  const after = checked(text, before, force)
  if (!after.ok) return complain(`${after.error}. The catalogue stays as it is.`)
  const changes = compareCatalogues(before, after.value)
  process.stdout.write([...changes.slice(0, SHOWN_CHANGES), ...changes.length > SHOWN_CHANGES ? [`... and ${changes.length - SHOWN_CHANGES} more`] : [], `${changes.length} changes, ${after.value.models.length} models, ${after.value.date}`, ''].join('\n'))
  if (dryRun) return 0
  const written = put(data, text)
  if (!written.ok) return complain(written.error)
  process.stdout.write(`Written to ${written.value}. A running Headrace takes it with its next reload (SIGHUP) or start.\n`)
  return 0
}

async function gatherLatest(): Promise<CatalogueData> {
  const [pi, genai] = await Promise.all([fetchPackage(`${PI_PACKAGE}@latest`), fetchPackage(`${GENAI_PACKAGE}@latest`)])
  const facts = JSON.parse(genai.get('package.json')?.toString('utf8') ?? '{}') as { version?: unknown }
  return mergeCatalogue(readSources(pi, genai, await fetchReleaseDate(GENAI_PACKAGE, String(facts.version)), KNOWN_PROVIDERS)).data
}

/** As a start would read it, and no worse than what it takes the place of. */
function checked(text: string, before: Catalogue, force: boolean): Result<Catalogue, string> {
  const parsed = parseCatalogue(text)
  if (!parsed.ok) return failure(`the new catalogue cannot be used: ${parsed.error}`)
  const after = new Catalogue(parsed.value)
  if (after.date < before.date) return failure(`the new catalogue (${after.date}) is older than the one in force (${before.date})`)
  const least = Math.ceil(before.models.length * LEAST_SHARE)
  if (!force && after.models.length < least) return failure(`the new catalogue has ${after.models.length} models, and the one in force ${before.models.length}: --force takes it nevertheless`)
  return success(after)
}

/** One line for each model that is new, gone, or has another price or window. */
export function compareCatalogues(before: Catalogue, after: Catalogue): string[] {
  const index = (catalogue: Catalogue): Map<string, ModelFacts> => new Map(catalogue.models.map(facts => [`${facts.provider}/${facts.model}`, facts]))
  const [old, now] = [index(before), index(after)]
  const price = (facts: ModelFacts): string => facts.price?.version.replace(/ [a-z0-9-]+@[\d-]+$/, '') ?? 'no price'
  const lines: string[] = []
  for (const [name, facts] of now) {
    const was = old.get(name)
    if (was === undefined) lines.push(`+ ${name}  ${price(facts)}`)
    else if (price(was) !== price(facts)) lines.push(`~ ${name}  ${price(was)} -> ${price(facts)}`)
    else if (was.contextWindow !== facts.contextWindow || was.maxOutput !== facts.maxOutput) lines.push(`~ ${name}  context ${was.contextWindow} -> ${facts.contextWindow}, output ${was.maxOutput} -> ${facts.maxOutput}`)
  }
  for (const name of old.keys()) if (!now.has(name)) lines.push(`- ${name}`)
  return lines
}

/** In one step: whoever reads meanwhile reads the old one or the new one, whole. */
function put(data: string, text: string): Result<string, string> {
  const path = join(data, CATALOGUE_FILE)
  const fresh = `${path}.${process.pid}`
  try {
    mkdirSync(data, { recursive: true })
    try {
      writeFileSync(fresh, text, { flush: true })
      if (existsSync(path)) copyFileSync(path, join(data, PREVIOUS_CATALOGUE_FILE))
      renameSync(fresh, path)
    } finally {
      rmSync(fresh, { force: true })
    }
    return success(path)
  } catch (error) {
    return failure(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function complain(reason: string): number {
  process.stderr.write(`headrace: ${reason}\n`)
  return 1
}
