import { JsonView } from '@headrace/bytes'
import {
  etagOf, failure, gatewayError, success,
  type ClientSink, type ContextChange, type ContextHeld, type ContextNote, type ContextOutcome, type ContextOwner, type ContextPolicy, type ContextReading, type GatewayError, type Item, type Principal, type RequestHead, type Result,
} from '@headrace/contract'
import { storedItem } from '../canonical-item.ts'
import { newContextId } from '../context-id.ts'
import { foundJson, itemsJson, listJson, messagesJson, noteEtag, noteJson, notesJson, stateJson, tagsJson } from './context-json.ts'
import { expectedNote, readCount, readMetadata, readNote, readTtl, refused } from './read-fields.ts'
import { watchContext } from './watch-context.ts'

/** What the native API needs; given by `main.ts`. */
export interface ContextApiLayers {
  readonly owner: ContextOwner
  /** The policy in force; null = contexts are switched off. */
  readonly policy: () => ContextPolicy | null
  readonly authenticate: (head: RequestHead) => Result<Principal>
  /** Chat Completions' `messages`, as a JSON text, in latin1. */
  readonly decodeMessages: (messages: string) => Result<readonly Item[]>
  readonly renderMessages: (items: readonly Item[]) => string
  /** What a model would be asked with; JSON text. */
  readonly explain: (reading: ContextReading, model: string, principal: Principal) => Result<string>
  readonly tell: (head: RequestHead, sink: ClientSink, error: GatewayError, headers: string, members: string) => void
}

/** One request, understood as far as its path goes. */
interface Asked {
  readonly head: RequestHead
  readonly principal: Principal
  readonly tenant: string
  readonly policy: ContextPolicy
  /** '' = none is named. */
  readonly id: string
  /** The last part of the path, percent-decoded; '' = none. */
  readonly name: string
  readonly query: URLSearchParams
  readonly body: JsonView
  readonly sink: ClientSink
}

/** `etag` goes into the answer's head. */
interface Answer { readonly status?: number, readonly etag?: string, readonly location?: string, readonly body: string }
type Handler = (api: ContextApi, asked: Asked) => Promise<Result<Answer, Refusal> | null>
interface Refusal { readonly error: GatewayError, readonly headers?: string, readonly members?: string }

const BASE = '/v1/contexts'
const JSON_HEADERS = 'content-type: application/json\r\ncache-control: no-store\r\n'
const MOST_LISTED = 100
const NAME = /^[A-Za-z0-9._~-]{1,64}$/

/** `METHOD path`: `*` = a context's id, `+` = a name. */
const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['POST ', (api, asked) => api.create(asked)],
  ['GET ', (api, asked) => api.list(asked)],
  ['GET /search', (api, asked) => api.search(asked)],
  ['GET /*', (api, asked) => api.state(asked)],
  ['PATCH /*', (api, asked) => api.update(asked)],
  ['DELETE /*', (api, asked) => api.remove(asked)],
  ['GET /*/items', (api, asked) => api.read(asked, itemsJson)],
  ['POST /*/items', (api, asked) => api.append(asked)],
  ['GET /*/messages', (api, asked) => api.read(asked, reading => messagesJson(reading, api.layers.renderMessages))],
  ['POST /*/fork', (api, asked) => api.fork(asked)],
  ['POST /*/rewind', (api, asked) => api.rewind(asked)],
  ['GET /*/tags', (api, asked) => api.tags(asked)],
  ['PUT /*/tags/+', (api, asked) => api.tag(asked)],
  ['GET /*/notes', (api, asked) => api.notes(asked)],
  ['GET /*/notes/+', (api, asked) => api.note(asked)],
  ['PUT /*/notes/+', (api, asked) => api.writeNote(asked)],
  ['DELETE /*/notes/+', (api, asked) => api.changeNote(asked, '')],
  ['GET /*/watch', (api, asked) => api.watch(asked)],
  ['GET /*/assembly', (api, asked) => api.assembly(asked)],
])
const SHAPES: ReadonlyMap<string, readonly string[]> = Map.groupBy(HANDLERS.keys(), route => route.slice(route.indexOf(' ') + 1))

/** Contexts as resources: `/v1/contexts`. What a client may do here, its model calls may do too; nothing here asks a model. */
export class ContextApi {
  readonly layers: ContextApiLayers

  constructor(layers: ContextApiLayers) {
    this.layers = layers
  }

  static owns(path: string): boolean {
    return path === BASE || path.startsWith(`${BASE}/`)
  }

  /** Answers, always. */
  async answer(head: RequestHead, body: Buffer, sink: ClientSink): Promise<void> {
    const { tell } = this.layers
    try {
      const asked = this.#understand(head, body, sink)
      if (!asked.ok) return tell(head, sink, asked.error, '', '')
      const answered = await asked.value.handler(this, asked.value)
      if (answered === null || sink.closed) return
      if (!answered.ok) return tell(head, sink, answered.error.error, answered.error.headers ?? '', answered.error.members ?? '')
      const { status = 200, etag, location, body: text } = answered.value
      sink.respond(status, `${JSON_HEADERS}${etag === undefined ? '' : `etag: ${etag}\r\n`}${location === undefined ? '' : `location: ${location}\r\n`}`, text)
    } catch {
      tell(head, sink, gatewayError('overloaded', 'Contexts cannot be reached right now. Send the request again.', { retryAfterMs: 1_000 }), '', '')
    }
  }

  async create({ tenant, policy, body }: Asked): Promise<Result<Answer, Refusal>> {
    const items = this.#messages(body, false)
    if (!items.ok) return refused(items.error)
    const metadata = readMetadata(body), ttl = readTtl(body)
    if (!metadata.ok) return refused(metadata.error)
    if (!ttl.ok) return refused(ttl.error)
    const made = await this.layers.owner.create(tenant, { id: newContextId(), kind: 'context', ttlMs: ttl.value === undefined ? policy.ttlMs : ttl.value, metadata: metadata.value ?? '', settings: '', items: items.value.map(storedItem) })
    return created(made)
  }

  async list({ tenant, query }: Asked): Promise<Result<Answer, Refusal>> {
    const limit = readCount(query, 'limit', 20, 1, MOST_LISTED)
    if (!limit.ok) return refused(limit.error)
    const found = await this.layers.owner.list(tenant, { kind: 'context', before: query.get('before'), most: limit.value + 1 })
    return success({ body: listJson(found.slice(0, limit.value), found.length > limit.value) })
  }

  async search({ tenant, query }: Asked): Promise<Result<Answer, Refusal>> {
    const limit = readCount(query, 'limit', 20, 1, MOST_LISTED)
    if (!limit.ok) return refused(limit.error)
    const words = query.get('q')
    if (words === null || words === '') return refused(gatewayError('invalid-request', 'Say what to look for: `?q=words`.', { param: 'q' }))
    return success({ body: foundJson(await this.layers.owner.search(tenant, words.slice(0, 1_000), limit.value)) })
  }

  async state({ tenant, id }: Asked): Promise<Result<Answer, Refusal>> {
    const state = await this.layers.owner.state(tenant, id)
    return state === null ? unknown() : success({ etag: etagOf(state), body: stateJson(state) })
  }

  /** `?since=ETAG`: only the items that were added after that version. */
  async read({ tenant, id, query }: Asked, say: (reading: ContextReading) => string): Promise<Result<Answer, Refusal>> {
    const since = query.get('since')
    const reading = await this.layers.owner.read(tenant, id, since === null ? null : { etag: since })
    return reading === null ? unknown() : success({ etag: etagOf(reading.state), body: say(reading) })
  }

  async update(asked: Asked): Promise<Result<Answer, Refusal>> {
    const metadata = readMetadata(asked.body), ttl = readTtl(asked.body)
    if (!metadata.ok) return refused(metadata.error)
    if (!ttl.ok) return refused(ttl.error)
    return this.#change(asked, { ...(metadata.value === undefined ? {} : { metadata: metadata.value }), ...(ttl.value === undefined ? {} : { ttlMs: ttl.value }) })
  }

  async append(asked: Asked): Promise<Result<Answer, Refusal>> {
    const items = this.#messages(asked.body, true)
    return items.ok ? this.#change(asked, { append: items.value.map(storedItem) }) : refused(items.error)
  }

  async rewind(asked: Asked): Promise<Result<Answer, Refusal>> {
    const place = await this.#place(asked)
    return place.ok ? this.#change(asked, { rewindTo: place.value }) : place
  }

  async fork(asked: Asked): Promise<Result<Answer, Refusal>> {
    const { tenant, id, body, policy } = asked
    const items = this.#messages(body, false), metadata = readMetadata(body), ttl = readTtl(body)
    if (!items.ok) return refused(items.error)
    if (!metadata.ok) return refused(metadata.error)
    if (!ttl.ok) return refused(ttl.error)
    const place = body.get('seq').given || body.get('tag').given ? await this.#place(asked) : success(null)
    if (!place.ok) return place
    return created(await this.layers.owner.fork(tenant, id, place.value, { id: newContextId(), kind: 'context', ttlMs: ttl.value === undefined ? policy.ttlMs : ttl.value, metadata: metadata.value ?? '', settings: '', items: items.value.map(storedItem) }))
  }

  async tags({ tenant, id }: Asked): Promise<Result<Answer, Refusal>> {
    const [state, tags] = await Promise.all([this.layers.owner.state(tenant, id), this.layers.owner.tags(tenant, id)])
    return state === null ? unknown() : success({ etag: etagOf(state), body: tagsJson(tags) })
  }

  async tag(asked: Asked): Promise<Result<Answer, Refusal>> {
    return NAME.test(asked.name) ? this.#change(asked, { tag: asked.name }) : refused(gatewayError('invalid-request', 'A tag\'s name is 1 to 64 letters, digits, dots, dashes, underscores and tildes.'))
  }

  async notes({ tenant, id }: Asked): Promise<Result<Answer, Refusal>> {
    const [state, notes] = await Promise.all([this.layers.owner.state(tenant, id), this.layers.owner.notes(tenant, id)])
    return state === null ? unknown() : success({ etag: etagOf(state), body: notesJson(notes) })
  }

  async note({ tenant, id, name }: Asked): Promise<Result<Answer, Refusal>> {
    const [state, notes] = await Promise.all([this.layers.owner.state(tenant, id), this.layers.owner.notes(tenant, id)])
    if (state === null) return unknown()
    const note = notes.find(each => each.name === name)
    return note === undefined ? refused(NO_NOTE) : success({ etag: noteEtag(note.version), body: noteJson(note) })
  }

  async writeNote(asked: Asked): Promise<Result<Answer, Refusal>> {
    const value = readNote(asked.body)
    if (!value.ok) return refused(value.error)
    return NAME.test(asked.name) ? this.changeNote(asked, value.value) : refused(gatewayError('invalid-request', 'A note\'s name is 1 to 64 letters, digits, dots, dashes, underscores and tildes.'))
  }

  /** Conditions are those of the note, not of the context: writers of different notes are not in each other's way. */
  async changeNote({ head, tenant, id, name }: Asked, value: string): Promise<Result<Answer, Refusal>> {
    const outcome = await this.layers.owner.change(tenant, id, { expect: null, turn: newContextId().slice(4, 16), note: { name, value, expect: expectedNote(head) } }, '')
    if (outcome.kind === 'other-note') return otherNote(outcome.note)
    if (outcome.kind !== 'done') return this.#notChanged(outcome)
    if (value === '') return success({ body: `{"name":${JSON.stringify(name)},"object":"context.note.deleted","deleted":true}` })
    return success({ etag: noteEtag(outcome.state.version), body: noteJson({ name, value, version: outcome.state.version, updatedAt: outcome.state.updatedAt }) })
  }

  async remove({ tenant, id }: Asked): Promise<Result<Answer, Refusal>> {
    return await this.layers.owner.remove(tenant, id) ? success({ body: `{"id":${JSON.stringify(id)},"object":"context.deleted","deleted":true}` }) : unknown()
  }

  /** A stream of changes; `Last-Event-ID` or `?since=`: what was missed comes first. */
  async watch({ head, tenant, id, query, sink }: Asked): Promise<Result<Answer, Refusal> | null> {
    const since = head.header('last-event-id') ?? query.get('since')
    const reading = await this.layers.owner.read(tenant, id, since === null ? null : { etag: since })
    if (reading === null) return unknown()
    watchContext(this.layers.owner, { tenant, id }, reading, since === null, sink)
    return null
  }

  async assembly({ tenant, principal, id, query }: Asked): Promise<Result<Answer, Refusal>> {
    const model = query.get('model')
    if (model === null || model === '') return refused(gatewayError('invalid-request', 'Say for which model: `?model=name`.', { param: 'model' }))
    const reading = await this.layers.owner.read(tenant, id, null)
    if (reading === null) return unknown()
    const explained = this.layers.explain(reading, model, principal)
    return explained.ok ? success({ etag: etagOf(reading.state), body: explained.value }) : refused(explained.error)
  }

  async #change({ head, tenant, id }: Asked, change: Partial<ContextChange>): Promise<Result<Answer, Refusal>> {
    const ifMatch = head.header('if-match')
    // Named, so that it is made once should its answer be lost on the way.
    const outcome = await this.layers.owner.change(tenant, id, { expect: ifMatch === undefined || ifMatch === '*' ? null : { etag: ifMatch }, turn: newContextId().slice(4, 16), ...change }, '')
    return outcome.kind === 'done' ? success({ etag: etagOf(outcome.state), body: stateJson(outcome.state) }) : this.#notChanged(outcome)
  }

  #notChanged(outcome: Exclude<ContextOutcome, { readonly kind: 'done' }> | ContextHeld): Result<never, Refusal> {
    if (outcome.kind !== 'stale') return failure({ error: NOT_CHANGED[outcome.kind] })
    const { reading } = outcome
    const etag = etagOf(reading.state)
    return failure({
      error: gatewayError('context-stale', `The context is not what it was: "context.missed" says what came since. Send the request again with If-Match: ${etag}.`, { param: 'If-Match' }),
      headers: `etag: ${etag}\r\n`, members: `"context":{"etag":${JSON.stringify(etag)},"seq":${reading.state.seq},"from":${reading.from},"missed":${messagesJson(reading, this.layers.renderMessages)}},`,
    })
  }

  #messages(body: JsonView, needed: boolean): Result<readonly Item[]> {
    const messages = body.get('messages')
    if (!messages.given && !needed) return success([])
    return this.layers.decodeMessages(messages.given ? messages.raw : '[]')
  }

  /** `seq` or `tag` of the body. */
  async #place({ tenant, id, body }: Asked): Promise<Result<number, Refusal>> {
    const seq = body.get('seq').number, tag = body.get('tag').string
    if (seq !== null && Number.isSafeInteger(seq) && seq >= 0 && tag === null) return success(seq)
    if (tag === null) return refused(gatewayError('invalid-request', 'Say where: `seq`, how many items, or `tag`, a tag\'s name.', { param: 'seq' }))
    const place = (await this.layers.owner.tags(tenant, id)).find(({ name }) => name === tag)
    return place === undefined ? failure({ error: NOT_CHANGED['no-such-place'] }) : success(place.seq)
  }

  #understand(head: RequestHead, body: Buffer, sink: ClientSink): Result<Asked & { readonly handler: Handler }> {
    const principal = this.layers.authenticate(head)
    if (!principal.ok) return principal
    const policy = this.layers.policy()
    if (policy === null) return failure(gatewayError('not-found', 'This gateway keeps no contexts (contexts.enabled).'))
    const [first = '', second, third, ...more] = head.path.slice(BASE.length + 1).split('/')
    const special = first === '' || (first === 'search' && second === undefined)
    const shape = special ? `${first === '' ? '' : `/${first}`}` : `/*${second === undefined ? '' : `/${second}`}${third === undefined ? '' : '/+'}`
    const handler = HANDLERS.get(`${head.method} ${shape}`)
    if (handler === undefined || more.length > 0) return failure(wrongPath(head, SHAPES.get(shape) ?? [], more.length > 0))
    // Responses, conversations and whatever else is kept beside contexts have doors of their own.
    if (!special && !first.startsWith('ctx_')) return failure(UNKNOWN)
    const view = body.length === 0 ? JsonView.parse('{}') : JsonView.parse(body.latin1Slice())
    if (view?.kind !== 'object') return failure(gatewayError('invalid-request', 'The body must be a JSON object.'))
    return success({ handler, head, principal: principal.value, tenant: principal.value.tenant, policy, id: special ? '' : first, name: third ?? '', query: new URLSearchParams(head.query), body: view, sink })
  }
}

function wrongPath({ method, path }: RequestHead, routes: readonly string[], tooLong: boolean): GatewayError {
  if (routes.length === 0 || tooLong) return gatewayError('not-found', `There is nothing at ${path.slice(0, 200)}. Contexts are at ${BASE}.`)
  return gatewayError('method-not-allowed', `This takes ${routes.map(route => route.slice(0, route.indexOf(' '))).join(', ')}, not ${method}.`)
}

const NO_NOTE = gatewayError('not-found', 'There is no such note.')
function otherNote(note: ContextNote | null): Result<never, Refusal> {
  const error = gatewayError('context-stale', note === null ? 'The note is not there any more.' : 'The note is not what it was: "note" says what it is now.', { param: 'If-Match' })
  return failure(note === null ? { error } : { error, headers: `etag: ${noteEtag(note.version)}\r\n`, members: `"note":${noteJson(note)},` })
}

const UNKNOWN = gatewayError('not-found', 'There is no such context.')
const NOT_CHANGED = Object.freeze({
  'unknown': UNKNOWN,
  'exists': gatewayError('internal', 'The new context\'s id is taken.'),
  'full': gatewayError('body-too-large', 'This context holds as many items as one may. Go on in a new one.'),
  'no-such-place': gatewayError('not-found', 'The context has no such place: it is shorter, or has no such tag.', { param: 'seq' }),
  'held': gatewayError('context-busy', 'A model call is at work on this context. Send the request again when it is answered.', { retryAfterMs: 1_000 }),
  'stale': gatewayError('context-stale', 'The context has changed.'),
  'other-note': gatewayError('context-stale', 'The note is not what it was.'),
} satisfies Record<Exclude<ContextOutcome['kind'], 'done'> | 'held', GatewayError>)
const unknown = (): Result<never, Refusal> => failure({ error: UNKNOWN })

function created(outcome: ContextOutcome): Result<Answer, Refusal> {
  if (outcome.kind !== 'done') return failure({ error: NOT_CHANGED[outcome.kind] })
  return success({ status: 201, etag: etagOf(outcome.state), location: `${BASE}/${outcome.state.id}`, body: stateJson(outcome.state) })
}
