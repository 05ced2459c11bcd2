import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createPrice, type CatalogueData } from '@headrace/contract'
import { CATALOGUE_FILE, PREVIOUS_CATALOGUE_FILE, readCatalogue } from '@headrace/contract/catalogue'
import { updateCatalogue } from './catalog.ts'

const own = readCatalogue(null).catalogue
const FLAGS = { dryRun: false, force: false }
let data = ''
let said = ''
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'headrace-catalog-'))
  said = ''
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation(text => {
      said += String(text)
      return true
    })
  }
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(data, { recursive: true, force: true })
})

/** Our own catalogue of a later day, without its first model, with a dearer second one. */
function newer(): CatalogueData {
  const [, second, ...rest] = own.models
  if (second === undefined) throw new Error('an empty catalogue')
  const source = own.sources[0]
  const dear = createPrice({ input: 7e9, cachedInput: 7e9, cacheWrite: 7e9, output: 8e9 }, [], `${source?.id}@${source?.date}`)
  return { date: '2099-01-01', sources: own.sources, models: [{ ...second, price: dear }, ...rest] }
}
const inForce = (): string => readCatalogue(data).catalogue.date

it('a newer catalogue comes into force, and what it changes is told', async () => {
  expect(await updateCatalogue({ data, ...FLAGS }, async () => newer())).toBe(0)
  expect(inForce()).toBe('2099-01-01')
  const [first, second] = own.models
  expect(said).toContain(`- ${first?.provider}/${first?.model}\n`)
  expect(said).toContain(`~ ${second?.provider}/${second?.model}  `)
  expect(said).toContain('-> usd/M:7/7/7/8\n')
  expect(said).toContain('2 changes,')
})

it('the one before is kept', async () => {
  await updateCatalogue({ data, ...FLAGS }, async () => newer())
  const before = readFileSync(join(data, CATALOGUE_FILE), 'utf8')
  await updateCatalogue({ data, ...FLAGS }, async () => ({ ...newer(), date: '2099-01-02' }))
  expect(inForce()).toBe('2099-01-02')
  expect(readFileSync(join(data, PREVIOUS_CATALOGUE_FILE), 'utf8')).toBe(before)
})

it('a dry run changes nothing', async () => {
  expect(await updateCatalogue({ data, ...FLAGS, dryRun: true }, async () => newer())).toBe(0)
  expect(said).toContain('2 changes,')
  expect(existsSync(join(data, CATALOGUE_FILE))).toBe(false)
})

it.each<[string, () => Promise<CatalogueData>, string]>([
  ['sources that cannot be had', async () => { throw new Error('no network') }, 'no network'],
  ['an older catalogue', async () => ({ ...newer(), date: '2020-01-01' }), 'is older than the one in force'],
  ['far fewer models', async () => ({ ...newer(), models: newer().models.slice(0, 900) }), '--force takes it nevertheless'],
  ['a catalogue that could not be read again', async () => ({ ...newer(), date: 'today' }), 'cannot be used'],
])('%s: the old one stays', async (_, gather, words) => {
  expect(await updateCatalogue({ data, ...FLAGS }, gather)).toBe(1)
  expect(said).toContain(words)
  expect(existsSync(join(data, CATALOGUE_FILE))).toBe(false)
})

it('far fewer models are taken when that is what is wanted', async () => {
  expect(await updateCatalogue({ data, ...FLAGS, force: true }, async () => ({ ...newer(), models: newer().models.slice(0, 900) }))).toBe(0)
  expect(readCatalogue(data).catalogue.models.length).toBe(900)
})

it('a data directory that cannot be written is told of', async () => {
  writeFileSync(join(data, 'file'), '')
  expect(await updateCatalogue({ data: join(data, 'file'), ...FLAGS }, async () => newer())).toBe(1)
  expect(said).toContain('cannot be written')
})
