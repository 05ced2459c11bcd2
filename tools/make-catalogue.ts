import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderCatalogue } from '@headrace/contract/catalogue'
import { KNOWN_PROVIDERS } from '@headrace/gateway/providers'
import { mergeCatalogue, type Disagreement } from '../packages/cli/src/catalogue/merge-catalogue.ts'
import { fetchPackage } from '../packages/cli/src/catalogue/package-files.ts'
import { GENAI_PACKAGE, PI_PACKAGE, readSources } from '../packages/cli/src/catalogue/read-sources.ts'

/**
 * Makes `packages/contract/src/catalogue/catalogue.json` from two MIT-licensed packages, and prints where they disagree, for a human to look at.
 * Run by hand: `npm run catalogue`. The same versions give the same file.
 */
const VERSIONS = Object.freeze({ pi: '1.5.2', genai: '0.1.8', genaiDate: '2026-09-23' })
const TARGET = join(import.meta.dirname, '../packages/contract/src/catalogue/catalogue.json')

async function make(): Promise<void> {
  const [pi, genai] = await Promise.all([fetchPackage(`${PI_PACKAGE}@${VERSIONS.pi}`), fetchPackage(`${GENAI_PACKAGE}@${VERSIONS.genai}`)])
  const { data, disagreements } = mergeCatalogue(readSources(pi, genai, VERSIONS.genaiDate, KNOWN_PROVIDERS))
  writeFileSync(TARGET, renderCatalogue(data))
  process.stdout.write(`${disagreements.map(show).join('\n')}\n${disagreements.length} disagreements of more than 1 %.\n`)
  const priced = data.models.filter(facts => facts.price !== null).length
  process.stdout.write(`${data.models.length} models of ${new Set(data.models.map(facts => facts.provider)).size} providers, ${priced} with a price, written to ${TARGET}\n`)
}

function show({ model, what, pi, genai }: Disagreement): string {
  const shown = (value: number): string => what === 'context window' ? String(value) : `$${value / 1e9}`
  return `${model.padEnd(60)} ${what.padEnd(15)} pi-ai ${shown(pi).padStart(12)}   genai-prices ${shown(genai).padStart(12)}`
}

if (import.meta.main) await make()
