import { readFile, stat } from 'node:fs/promises'
import type { CatalogueData } from '@headrace/contract'
import { MAX_CATALOGUE_BYTES, parseCatalogue } from '@headrace/contract/catalogue'

/** A mirror that does not answer is given up after this, ms. */
const LONGEST_MS = 30_000
const REDIRECTS = 5
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * A catalogue as `headrace catalog update` writes it, from a file or an address of the operator's own. Throws where it cannot be had, is no catalogue, or would come over a
 * connection on which anybody can change prices (http to another machine, also behind a redirect).
 */
export async function catalogueFrom(source: string): Promise<CatalogueData> {
  const text = /^https?:\/\//i.test(source) ? await fetchText(new URL(source)) : await readText(source)
  const parsed = parseCatalogue(text)
  if (!parsed.ok) throw new Error(`${source} is no catalogue: ${parsed.error}`)
  return parsed.value
}

async function readText(path: string): Promise<string> {
  if ((await stat(path)).size > MAX_CATALOGUE_BYTES) throw new Error(`${path} is larger than a catalogue (${MAX_CATALOGUE_BYTES} bytes)`)
  return readFile(path, 'utf8')
}

async function fetchText(url: URL): Promise<string> {
  const answer = await open(url, AbortSignal.timeout(LONGEST_MS), REDIRECTS)
  if (!answer.ok) throw new Error(`${url.href} answers ${answer.status}`)
  const decoder = new TextDecoder()
  let text = '', bytes = 0
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_CATALOGUE_BYTES) throw new Error(`${url.href} is larger than a catalogue (${MAX_CATALOGUE_BYTES} bytes)`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** Every hop is looked at: one over http could lead anywhere. */
async function open(url: URL, signal: AbortSignal, redirects: number): Promise<Response> {
  requireTrust(url)
  const answer = await fetch(url, { signal, redirect: 'manual', headers: { accept: 'application/json' } })
  const location = answer.status >= 300 && answer.status < 400 ? answer.headers.get('location') : null
  if (location === null) return answer
  await answer.body?.cancel()
  if (redirects === 0) throw new Error(`${url.href} redirects again and again`)
  return open(new URL(location, url), signal, redirects - 1)
}

function requireTrust({ protocol, hostname, href }: URL): void {
  if (protocol === 'https:' || LOOPBACK.test(hostname)) return
  throw new Error(`${href} is not https: whoever is on the way could change prices`)
}
