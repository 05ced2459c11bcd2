import type { CatalogueSource, KnownProvider } from '@headrace/contract'
import { findGenaiData, readGenaiModels } from './genai-prices.ts'
import { parseJsLiteral } from './js-literal.ts'
import type { CatalogueSources } from './merge-catalogue.ts'
import { readPiModels } from './pi-models.ts'
import { asLine, asRecord } from './source-values.ts'

/** The packages whose data the catalogue is made of. Both are MIT-licensed: see NOTICE. */
export const PI_PACKAGE = '@earendil-works/pi-ai'
export const GENAI_PACKAGE = '@pydantic/genai-prices'

const DATA = 'dist/providers/data/'
const MANIFEST = `${DATA}.manifest.json`

type Files = ReadonlyMap<string, Buffer>

/** Reads both packages' data; none of their code is run. `genaiDate`: when the second one was published, which it does not say itself. Throws where they are not as expected. */
export function readSources(pi: Files, genai: Files, genaiDate: string, known: readonly KnownProvider[]): CatalogueSources {
  const piDate = asLine(asRecord(json(pi, MANIFEST))['generatedAt']).slice(0, 10)
  if (!/^20\d\d-\d\d-\d\d$/.test(piDate)) throw new Error(`${PI_PACKAGE} does not say when its data was made`)
  const files = [...pi.keys()].filter(name => name.startsWith(DATA) && name.endsWith('.json') && name !== MANIFEST).toSorted()
  const bundle = genai.get('dist/index.js')?.toString('utf8') ?? ''
  const start = findGenaiData(bundle)
  if (files.length === 0 || start < 0) throw new Error(`${files.length === 0 ? PI_PACKAGE : GENAI_PACKAGE} keeps its data elsewhere by now: this version of Headrace cannot read it`)
  const data = parseJsLiteral(bundle, start)
  if (!data.ok) throw new Error(`the data of ${GENAI_PACKAGE} cannot be read: ${data.error}`)
  return {
    pi: { source: source('pi-ai', PI_PACKAGE, pi, piDate), models: files.flatMap(name => readPiModels(name.slice(DATA.length, -'.json'.length), json(pi, name))) },
    genai: { source: source('genai-prices', GENAI_PACKAGE, genai, genaiDate), models: readGenaiModels(data.value, piDate) },
    providerNames: Object.fromEntries(known.flatMap(provider => (provider.catalogueNames ?? []).map(name => [name, provider.id] as const))),
  }
}

function source(id: string, name: string, files: Files, date: string): CatalogueSource {
  const facts = asRecord(json(files, 'package.json'))
  if (asLine(facts['name']) !== name) throw new Error(`this is not ${name}`)
  return { id, package: name, version: asLine(facts['version']), date, license: asLine(facts['license']) }
}

function json(files: Files, name: string): unknown {
  const file = files.get(name)
  if (file === undefined) throw new Error(`there is no ${name}`)
  return JSON.parse(file.toString('utf8')) as unknown
}
