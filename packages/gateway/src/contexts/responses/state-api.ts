import { JsonView } from '@headrace/bytes'
import { failure, gatewayError, success, type ClientSink, type ContextOwner, type ContextPolicy, type GatewayError, type Principal, type RequestHead, type Result, type Serve } from '@headrace/contract'
import { addItems, createConversation, deleteConversation, deleteItem, getConversation, getItem, listConversation, updateConversation } from './conversation-resources.ts'
import { compactResponse } from './compaction.ts'
import { cancelResponse, deleteResponse, getResponse, listInput } from './response-resources.ts'
import type { StateHandler, StateRequest } from './state-request.ts'

/** What the API needs; given by `main.ts`. */
export interface StateApiLayers {
  readonly owner: ContextOwner
  /** The policy in force; null = nothing is kept. */
  readonly policy: () => ContextPolicy | null
  readonly authenticate: (head: RequestHead) => Result<Principal>
  readonly serve: Serve
  readonly tell: (head: RequestHead, sink: ClientSink, error: GatewayError) => void
}

const JSON_HEADERS = 'content-type: application/json\r\ncache-control: no-store\r\n'

const COMPACT = '/v1/responses/compact'

/** `METHOD path`: `*` = an id, `+` = an item's. */
const HANDLERS: ReadonlyMap<string, StateHandler> = new Map([
  ['POST /v1/responses/compact', compactResponse],
  ['GET /v1/responses/*', getResponse],
  ['DELETE /v1/responses/*', deleteResponse],
  ['POST /v1/responses/*/cancel', cancelResponse],
  ['GET /v1/responses/*/input_items', listInput],
  ['POST /v1/conversations', createConversation],
  ['GET /v1/conversations/*', getConversation],
  ['POST /v1/conversations/*', updateConversation],
  ['DELETE /v1/conversations/*', deleteConversation],
  ['POST /v1/conversations/*/items', addItems],
  ['GET /v1/conversations/*/items', listConversation],
  ['GET /v1/conversations/*/items/+', getItem],
  ['DELETE /v1/conversations/*/items/+', deleteItem],
])
const SHAPES: ReadonlyMap<string, readonly string[]> = Map.groupBy(HANDLERS.keys(), route => route.slice(route.indexOf(' ') + 1))

/** Kept responses and conversations, as OpenAI's clients ask for them. Nothing here asks a model but a compaction. */
export class StateApi {
  readonly #layers: StateApiLayers

  constructor(layers: StateApiLayers) {
    this.#layers = layers
  }

  static owns(path: string): boolean {
    return path.startsWith('/v1/responses/') || path === '/v1/conversations' || path.startsWith('/v1/conversations/')
  }

  /** Answers, always. */
  async answer(head: RequestHead, body: Buffer, sink: ClientSink): Promise<void> {
    const { tell } = this.#layers
    try {
      const asked = this.#understand(head, body, sink)
      if (!asked.ok) return tell(head, sink, asked.error)
      const answered = await asked.value.handler(asked.value)
      if (sink.closed || (answered.ok && answered.value === null)) return
      if (answered.ok) sink.respond(200, JSON_HEADERS, answered.value ?? '')
      else tell(head, sink, answered.error)
    } catch {
      tell(head, sink, gatewayError('overloaded', 'What is kept cannot be reached right now. Send the request again.', { retryAfterMs: 1_000 }))
    }
  }

  #understand(head: RequestHead, body: Buffer, sink: ClientSink): Result<StateRequest & { readonly handler: StateHandler }> {
    const principal = this.#layers.authenticate(head)
    if (!principal.ok) return principal
    const policy = this.#layers.policy()
    if (policy === null) return failure(gatewayError('not-found', 'This gateway keeps no responses and no conversations (contexts.enabled).'))
    const [resource = '', id = '', collection = '', itemId = '', ...more] = head.path.slice('/v1/'.length).split('/')
    const shape = head.path === COMPACT ? COMPACT : `/v1/${resource}${id === '' ? '' : '/*'}${collection === '' ? '' : `/${collection}`}${itemId === '' ? '' : '/+'}`
    const handler = more.length > 0 ? undefined : HANDLERS.get(`${head.method} ${shape}`)
    if (handler === undefined) return failure(wrongPath(head, more.length > 0 ? [] : SHAPES.get(shape) ?? []))
    const view = JsonView.parse(body.length === 0 ? '{}' : body.latin1Slice())
    if (view?.kind !== 'object') return failure(gatewayError('invalid-request', 'The body must be a JSON object.'))
    return success({
      handler, owner: this.#layers.owner, tenant: principal.value.tenant, policy, id, itemId, query: new URLSearchParams(head.query), body: view, sink,
      ask: (text, answered) => this.#layers.serve('openai-responses', 'chat', head, Buffer.from(text, 'latin1'), answered), tell: error => this.#layers.tell(head, sink, error),
    })
  }
}

function wrongPath({ method, path }: RequestHead, routes: readonly string[]): GatewayError {
  if (routes.length === 0) return gatewayError('not-found', `There is nothing at ${path.slice(0, 200)}.`)
  return gatewayError('method-not-allowed', `This takes ${routes.map(route => route.slice(0, route.indexOf(' '))).join(', ')}, not ${method}.`)
}
