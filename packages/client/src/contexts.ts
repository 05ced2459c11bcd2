import { readEvents } from './read-events.ts'

export interface ContextsOptions {
  /** Of the gateway, without `/v1`. */
  readonly baseURL: string
  readonly apiKey: string
  /** Left out = the platform's own. */
  readonly fetch?: typeof fetch
}

/** A message of Chat Completions. */
export type ContextMessage = Readonly<Record<string, unknown>> & { readonly role: string }

export interface ContextState {
  readonly id: string
  /** Names this version: for `ifMatch` and `since`. */
  readonly etag: string
  readonly version: number
  /** Items that it holds. */
  readonly seq: number
  readonly head: string
  readonly bytes: number
  /** ISO 8601. */
  readonly created_at: string
  readonly updated_at: string
  readonly expires_at: string | null
  readonly metadata: Readonly<Record<string, unknown>> | null
}

export interface ContextNote {
  readonly name: string
  readonly etag: string
  readonly value: unknown
  readonly updated_at: string
}

/** What was added between two versions; `from`: how many items came before, which the reader has. */
export interface ContextItems {
  readonly etag: string
  readonly seq: number
  readonly from: number
  readonly data: readonly { readonly seq: number, readonly head: string, readonly item: Readonly<Record<string, unknown>> }[]
}

export type ContextEvent = { readonly type: 'state', readonly state: ContextState } | { readonly type: 'change', readonly change: ContextItems } | { readonly type: 'deleted' }

/** A condition on what is there: an ETag. */
export interface Condition { readonly ifMatch?: string }
/** What a context begins with, or what of it changes. `ttl_seconds` null = until it is deleted. */
export interface ContextFacts { readonly messages?: readonly ContextMessage[], readonly metadata?: Readonly<Record<string, unknown>> | null, readonly ttl_seconds?: number | null }
/** A place in a context. */
export type ContextPlace = { readonly seq: number } | { readonly tag: string }

/** An answer of the gateway that is an error. */
export class HeadraceError extends Error {
  readonly status: number
  /** As `error.code` of the body; '' = none. */
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'HeadraceError'
    this.status = status
    this.code = code
  }
}

/** Something else is there than was expected (412). */
export class StaleContextError extends HeadraceError {
  /** Of what is there now; '' = nothing is. */
  readonly etag: string
  /** What was said since the version that was expected; empty where a note was meant. */
  readonly missed: readonly ContextMessage[]

  constructor(message: string, etag: string, missed: readonly ContextMessage[]) {
    super(412, 'context_stale', message)
    this.name = 'StaleContextError'
    this.etag = etag
    this.missed = missed
  }
}

interface Sent { readonly body?: object, readonly ifMatch?: string | undefined, readonly ifNoneMatch?: string | undefined, readonly signal?: AbortSignal | undefined }

/**
 * Conversations that the gateway remembers, as resources. Model calls go on in them through the SDK that you have, with the header `headrace-context`. Every method rejects
 * with `HeadraceError`, where a condition is not met with `StaleContextError`, and with whatever `fetch` rejects with.
 */
export class Contexts {
  readonly #options: ContextsOptions

  constructor(options: ContextsOptions) {
    this.#options = options
  }

  create(facts: ContextFacts = {}): Promise<ContextState> {
    return this.#json('POST', '', { body: facts })
  }

  get(id: string): Promise<ContextState> {
    return this.#json('GET', at(id))
  }

  /** Newest first. `before`: an id. */
  async list(page: { readonly limit?: number, readonly before?: string } = {}): Promise<{ readonly data: readonly ContextState[], readonly has_more: boolean }> {
    return this.#json('GET', query(page))
  }

  async search(words: string): Promise<readonly { readonly id: string, readonly kind: string, readonly seq: number, readonly excerpt: string }[]> {
    return (await this.#json<{ data: { id: string, kind: string, seq: number, excerpt: string }[] }>('GET', `/search${query({ q: words })}`)).data
  }

  update(id: string, facts: Omit<ContextFacts, 'messages'>, { ifMatch }: Condition = {}): Promise<ContextState> {
    return this.#json('PATCH', at(id), { body: facts, ifMatch })
  }

  async delete(id: string): Promise<void> {
    await this.#json('DELETE', at(id))
  }

  append(id: string, messages: readonly ContextMessage[], { ifMatch }: Condition = {}): Promise<ContextState> {
    return this.#json('POST', `${at(id)}/items`, { body: { messages }, ifMatch })
  }

  /** What was said, and the ETag of the version that was read. `since`: an ETag; only what came after it. */
  async messages(id: string, { since }: { readonly since?: string } = {}): Promise<{ readonly messages: readonly ContextMessage[], readonly etag: string }> {
    const answer = await this.#ask('GET', `${at(id)}/messages${query({ since })}`)
    return { messages: await answer.json() as ContextMessage[], etag: answer.headers.get('etag') ?? '' }
  }

  items(id: string, { since }: { readonly since?: string } = {}): Promise<ContextItems> {
    return this.#json('GET', `${at(id)}/items${query({ since })}`)
  }

  /** Another context that begins with this one, up to a place or whole. */
  fork(id: string, facts: ContextFacts & Partial<{ readonly seq: number, readonly tag: string }> = {}): Promise<ContextState> {
    return this.#json('POST', `${at(id)}/fork`, { body: facts })
  }

  rewind(id: string, place: ContextPlace, { ifMatch }: Condition = {}): Promise<ContextState> {
    return this.#json('POST', `${at(id)}/rewind`, { body: place, ifMatch })
  }

  /** Gives the place where it is now a name. */
  tag(id: string, name: string): Promise<ContextState> {
    return this.#json('PUT', `${at(id)}/tags/${encodeURIComponent(name)}`)
  }

  async tags(id: string): Promise<readonly { readonly name: string, readonly seq: number, readonly head: string }[]> {
    return (await this.#json<{ data: { name: string, seq: number, head: string }[] }>('GET', `${at(id)}/tags`)).data
  }

  async notes(id: string): Promise<readonly ContextNote[]> {
    return (await this.#json<{ data: ContextNote[] }>('GET', `${at(id)}/notes`)).data
  }

  note(id: string, name: string): Promise<ContextNote> {
    return this.#json('GET', `${at(id)}/notes/${encodeURIComponent(name)}`)
  }

  /** `ifMatch`: the note's ETag; null = only if there is none; left out = whatever is there. */
  writeNote(id: string, name: string, value: unknown, { ifMatch }: { readonly ifMatch?: string | null } = {}): Promise<ContextNote> {
    return this.#json('PUT', `${at(id)}/notes/${encodeURIComponent(name)}`, { body: { value }, ifMatch: ifMatch ?? undefined, ifNoneMatch: ifMatch === null ? '*' : undefined })
  }

  async deleteNote(id: string, name: string, { ifMatch }: Condition = {}): Promise<void> {
    await this.#json('DELETE', `${at(id)}/notes/${encodeURIComponent(name)}`, { ifMatch })
  }

  /** What a model would be asked with, were a turn to come now. */
  assembly(id: string, model: string): Promise<Readonly<Record<string, unknown>>> {
    return this.#json('GET', `${at(id)}/assembly${query({ model })}`)
  }

  /** Every change as it is made, what came after `since` first; ends with `deleted`, with `signal`, or rejects when the connection breaks: begin again with the last ETag. */
  async* watch(id: string, { since, signal }: { readonly since?: string, readonly signal?: AbortSignal } = {}): AsyncGenerator<ContextEvent, void, undefined> {
    const answer = await this.#ask('GET', `${at(id)}/watch${query({ since })}`, { signal })
    for await (const { event, data } of readEvents(answer)) {
      if (event === 'deleted') return yield { type: 'deleted' }
      if (event === 'state') yield { type: 'state', state: JSON.parse(data) as ContextState }
      if (event === 'change') yield { type: 'change', change: JSON.parse(data) as ContextItems }
    }
  }

  async #json<T>(method: string, path: string, sent: Sent = {}): Promise<T> {
    return await (await this.#ask(method, path, sent)).json() as T // the gateway's own answers, as docs/contexts.md has them
  }

  async #ask(method: string, path: string, { body, ifMatch, ifNoneMatch, signal }: Sent = {}): Promise<Response> {
    const { baseURL, apiKey, fetch: send = fetch } = this.#options
    const answer = await send(`${baseURL.replace(/\/$/, '')}/v1/contexts${path}`, {
      method, signal: signal ?? null, body: body === undefined ? null : JSON.stringify(body),
      headers: {
        'authorization': `Bearer ${apiKey}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
      },
    })
    if (answer.ok) return answer
    throw await errorOf(answer)
  }
}

const at = (id: string): string => `/${encodeURIComponent(id)}`

function query(parts: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(parts).flatMap(([name, value]) => value === undefined ? [] : [[name, String(value)]])
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

async function errorOf(answer: Response): Promise<HeadraceError> {
  const told = await answer.json().catch(() => null) as { error?: { message?: string, code?: string | null }, context?: { missed?: ContextMessage[] } } | null
  const message = told?.error?.message ?? `The gateway answered ${answer.status}.`
  if (answer.status === 412) return new StaleContextError(message, answer.headers.get('etag') ?? '', told?.context?.missed ?? [])
  return new HeadraceError(answer.status, told?.error?.code ?? '', message)
}
