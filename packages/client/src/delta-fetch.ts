import { promisify } from 'node:util'
import { gzip as gzipCallback } from 'node:zlib'
import { growingRequest, type GrowingRequest } from './growing-request.ts'
import { KnownHeads } from './known-heads.ts'

export interface DeltaFetchOptions {
  /** Compress bodies of more than some hundred bytes. Left out = yes. */
  readonly gzip?: boolean
  /** How many beginnings of conversations are remembered (32 bytes each). Left out = 10,000. */
  readonly remembered?: number
}

type FetchInput = Parameters<typeof fetch>[0]

const gzip = promisify(gzipCallback)
/** Below it compression gains nothing. */
const WORTH_COMPRESSING = 400
/** So many echoes in a row that the gateway did not know, and they are not guessed any more: this application says answers again in words of its own. */
const GUESSES = 2

/**
 * A `fetch` for the SDKs of OpenAI and Anthropic (`new OpenAI({ fetch: deltaFetch(fetch) })`) that leaves out of each request what the gateway has seen: the
 * conversation's beginning goes as a hash of 32 bytes, the model's own answer included. Where the gateway does not know it, everything is sent again. Requests of any
 * other kind, and to servers that are no Headrace, pass unchanged but for one header.
 */
export function deltaFetch(inner: typeof fetch = fetch, options: DeltaFetchOptions = {}): typeof fetch {
  const client = new DeltaClient(inner, options)
  return (input, init) => client.fetch(input, init)
}

class DeltaClient {
  readonly #inner: typeof fetch
  readonly #known: KnownHeads
  #gzip: boolean
  /** Guesses in a row that failed. */
  #failed = 0

  constructor(inner: typeof fetch, { gzip: compress = true, remembered = 10_000 }: DeltaFetchOptions) {
    this.#inner = inner
    this.#known = new KnownHeads(remembered)
    this.#gzip = compress
  }

  async fetch(input: FetchInput, init: RequestInit | undefined): Promise<Response> {
    const url = input instanceof URL ? input.href : typeof input === 'string' ? input : null
    if (url === null || init?.method?.toUpperCase() !== 'POST' || typeof init.body !== 'string') return this.#inner(input, init)
    const request = growingRequest(new URL(url).pathname, init.body)
    if (request === null) return this.#inner(input, init)
    for (const base of this.#bases(request)) {
      const head = request.heads[base] ?? ''
      const answer = await this.#send(input, init, request.rest(base), head)
      if (answer.headers.get('headrace-delta') !== 'unknown') return this.#learn(request, base, answer)
      await answer.body?.cancel()
      if (this.#known.has(head)) this.#known.delete(head)
      else this.#failed++
    }
    return this.#learn(request, 0, await this.#send(input, init, init.body, 'keep'))
  }

  /** How many elements may be left out, most first: all up to the answer that the gateway gave last, else all that it was sent. */
  #bases({ heads, elements }: GrowingRequest): number[] {
    const known = heads.findLastIndex((head, count) => count < elements.length && this.#known.has(head))
    if (known === -1) return []
    const echoed = isAnswer(elements[known]) && known + 1 < elements.length && this.#failed < GUESSES
    return echoed ? [known + 1, known] : [known]
  }

  #learn({ heads, elements }: GrowingRequest, base: number, answer: Response): Response {
    if (answer.headers.get('headrace-delta') !== 'kept') return answer
    if (!this.#known.has(heads[base] ?? '') && base > 0) this.#failed = 0
    this.#known.add(heads[elements.length] ?? '')
    return answer
  }

  async #send(input: FetchInput, init: RequestInit, body: string, delta: string): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('headrace-delta', delta)
    headers.delete('content-length')
    if (!this.#gzip || body.length < WORTH_COMPRESSING || headers.has('content-encoding')) return this.#inner(input, { ...init, body, headers })
    headers.set('content-encoding', 'gzip')
    const answer = await this.#inner(input, { ...init, body: await gzip(body), headers })
    if (answer.status !== 415) return answer
    // Not every server unpacks.
    await answer.body?.cancel()
    this.#gzip = false
    headers.delete('content-encoding')
    return this.#inner(input, { ...init, body, headers })
  }
}

function isAnswer(element: unknown): boolean {
  return typeof element === 'object' && element !== null && 'role' in element && element.role === 'assistant'
}
