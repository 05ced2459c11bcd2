import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { KNOWN_PROVIDERS } from '@headrace/gateway/providers'
import { firstGolden, readProviders, renderDocs, renderRegistry } from '../../tools/make-providers.ts'
import { parseCase, playCase, readCase, renderCase } from './provider-case.ts'

/** `HEADRACE_WIRE=write` writes what comes out into the files, to be read before it is committed. */
const WRITE = process.env['HEADRACE_WIRE'] === 'write'
const root = join(import.meta.dirname, '../..')
const folder = join(root, 'packages/gateway/src/providers')
const golden = (id: string): string => join(import.meta.dirname, `${id}.wire`)
const providers = KNOWN_PROVIDERS.filter(({ id }) => id !== 'sandbox')

test('there are sixty providers and more, each with a golden file, and no golden file without a provider', () => {
  expect(providers.length).toBeGreaterThanOrEqual(60)
  expect(providers.filter(({ id }) => !existsSync(golden(id))).map(({ id }) => id)).toEqual([])
  const ids = new Set(providers.map(({ id }) => id))
  expect(readdirSync(import.meta.dirname).filter(name => name.endsWith('.wire') && !ids.has(name.slice(0, -5)))).toEqual([])
})

test('a provider is a file of at most 60 lines', () => {
  const long = readdirSync(folder).filter(name => name !== 'registry.ts' && !name.endsWith('.test.ts') && readFileSync(join(folder, name), 'utf8').split('\n').length > 61)
  expect(long).toEqual([])
})

test('the registry and docs/providers.md are what `npm run providers` makes of the files', async () => {
  const files = await readProviders(folder)
  expect(readFileSync(join(folder, 'registry.ts'), 'utf8')).toBe(renderRegistry(files))
  expect(readFileSync(join(root, 'docs/providers.md'), 'utf8')).toBe(renderDocs(files))
})

test('CONTRIBUTING\'s recipe: one file adds a provider, with its quirks', async () => {
  const recipe = /`packages\/gateway\/src\/providers\/(\w+)\.ts`:\n\n```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8'))
  const [, id = '', source = ''] = recipe ?? []
  const copy = mkdtempSync(join(tmpdir(), 'headrace-recipe-'))
  try {
    cpSync(folder, copy, { recursive: true })
    writeFileSync(join(copy, `${id}.ts`), source)
    const files = await readProviders(copy)
    const known = files.map(({ provider }) => provider)
    const added = known.find(provider => provider.id === id)
    if (added === undefined) throw new Error('the recipe adds no provider')
    expect(known.length).toBe(KNOWN_PROVIDERS.length + 1)
    expect(renderRegistry(files)).toContain(`from './${id}.ts'`)
    expect(renderDocs(files)).toContain(`\`${added.baseUrl}\``)
    const came = await playCase(known, added, parseCase(firstGolden()).given, Infinity)
    expect(came.sent).toBe(`POST ${added.baseUrl}/chat/completions\nauthorization: Bearer PROVIDER-KEY\n\n`
      + '{"model":"model-x","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Say hi."}],"max_tokens":100,"temperature":0.5}')
    expect(came.stream).toMatch(/"content":"Hi\."[\s\S]*\[DONE\][\s\S]*finish=stop input=9 output=3/)
    expect(came.refusal).toContain('Invalid value for temperature.')
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
})

describe.each(providers.filter(({ id }) => existsSync(golden(id))).map(provider => [provider.id, provider] as const))('%s', (id, provider) => {
  const { given, expected } = readCase(golden(id))

  it('is sent what its golden file says, and its answer, stream and refusal come back so', async () => {
    const came = await playCase(KNOWN_PROVIDERS, provider, given, Infinity)
    if (WRITE) return writeFileSync(golden(id), renderCase(given, came))
    expect(came).toEqual(expected)
  })

  it('gives the same one byte at a time', async () => {
    expect(await playCase(KNOWN_PROVIDERS, provider, given, 1)).toEqual(await playCase(KNOWN_PROVIDERS, provider, given, Infinity))
  })
})
