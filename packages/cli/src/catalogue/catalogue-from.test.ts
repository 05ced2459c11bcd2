import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { MAX_CATALOGUE_BYTES, readCatalogue, renderCatalogue } from '@headrace/contract/catalogue'
import { catalogueFrom } from './catalogue-from.ts'

const { date, sources, models } = readCatalogue(null).catalogue
const TEXT = renderCatalogue({ date, sources, models })
let directory = ''
let server: Server | null = null
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'headrace-catalogue-')) })
afterEach(async () => {
  rmSync(directory, { recursive: true })
  server?.closeAllConnections()
  await new Promise(resolve => server === null ? resolve(null) : server.close(resolve))
  server = null
})

async function serve(listener: RequestListener): Promise<string> {
  const made = server = createServer(listener)
  await new Promise<void>(resolve => made.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}/catalogue.json`
}

it('is read from a file and from an address', async () => {
  const path = join(directory, 'mine.json')
  writeFileSync(path, TEXT)
  const url = await serve((_, response) => response.end(TEXT))
  for (const source of [path, url]) expect((await catalogueFrom(source)).models).toEqual(models)
})

it.each<[string, RequestListener, string]>([
  ['an error', (_, response) => { response.statusCode = 404; response.end('none') }, 'answers 404'],
  ['a page', (_, response) => { response.end('<html>') }, 'is no catalogue: it is not JSON'],
  ['more than a catalogue', (_, response) => { response.end(Buffer.alloc(MAX_CATALOGUE_BYTES + 1, 0x20)) }, 'is larger than a catalogue'],
  ['half of it', (_, response) => { response.writeHead(200, { 'content-length': TEXT.length }); response.write(TEXT.slice(0, 1_000), () => response.destroy()) }, ''],
])('an address that gives %s is told of', async (_, listener, words) => {
  await expect(catalogueFrom(await serve(listener))).rejects.toThrow(words)
})

it('a file that is not there is told of', async () => {
  await expect(catalogueFrom(join(directory, 'none.json'))).rejects.toThrow('no such file')
})

it('is followed to where it has moved, every hop of which must be trusted', async () => {
  const url = await serve(({ url: path = '' }, response) => path === '/moved' ? response.end(TEXT) : response.writeHead(302, { location: { '/away': 'http://prices.example.com/', '/round': '/round' }[path] ?? '/moved' }).end())
  expect((await catalogueFrom(url)).models).toEqual(models)
  await expect(catalogueFrom(new URL('/away', url).href)).rejects.toThrow('is not https')
  await expect(catalogueFrom(new URL('/round', url).href)).rejects.toThrow('again and again')
})

it('is not taken over a connection that anybody on the way could change', async () => {
  await expect(catalogueFrom('http://prices.example.com/catalogue.json')).rejects.toThrow('is not https')
})
