import { gatewayError, type ClientSink, type GatewayError, type ModelEntry, type Plan, type Principal, type RequestHead, type Result, type Snapshot } from '@headrace/contract'
import { API_LEVEL, encodeModel, encodeModels } from './transformation/ollama-chat/models.ts'

/** What the small answers of Ollama's API need. */
export interface OllamaLayers {
  readonly snapshot: () => Snapshot
  readonly authenticate: (head: RequestHead) => Result<Principal>
  readonly tell: (head: RequestHead, sink: ClientSink, error: GatewayError) => void
}

const JSON_HEADERS = 'content-type: application/json\r\n'
/** What would change the models of an Ollama: there are none here to change. */
const OF_MODELS = /^\/api\/(?:pull|push|create|copy|delete|blobs\/.*)$/
const GET_PATHS: ReadonlySet<string> = new Set(['/api/tags', '/api/ps', '/api/version'])

/** Answers what clients of Ollama ask beside model calls: which models there are, and what is known of one. False = the path is none of these. */
export function answerOllama(layers: OllamaLayers, head: RequestHead, body: Buffer, sink: ClientSink): boolean {
  const { path, method } = head
  if (!path.startsWith('/api/')) return false
  if (OF_MODELS.test(path)) layers.tell(head, sink, gatewayError('not-found', 'Models are not kept here: they are at the configured providers. GET /api/tags lists them.'))
  else if (GET_PATHS.has(path)) {
    if (method !== 'GET' && method !== 'HEAD') layers.tell(head, sink, gatewayError('method-not-allowed', `${path} takes GET.`))
    else if (path === '/api/version') sink.respond(200, JSON_HEADERS, JSON.stringify({ version: API_LEVEL }))
    else list(layers, head, sink)
  } else if (path === '/api/show') {
    if (method === 'POST') show(layers, head, body, sink)
    else layers.tell(head, sink, gatewayError('method-not-allowed', `${path} takes POST.`))
  } else return false
  return true
}

/** None of them is in a memory of ours: /api/ps lists none. */
function list(layers: OllamaLayers, head: RequestHead, sink: ClientSink): void {
  const principal = layers.authenticate(head)
  if (!principal.ok) return layers.tell(head, sink, principal.error)
  sink.respond(200, JSON_HEADERS, encodeModels(head.path === '/api/ps' ? [] : layers.snapshot().models(principal.value)))
}

function show(layers: OllamaLayers, head: RequestHead, body: Buffer, sink: ClientSink): void {
  const principal = layers.authenticate(head)
  if (!principal.ok) return layers.tell(head, sink, principal.error)
  const name = modelOf(body)
  if (name === null) return layers.tell(head, sink, gatewayError('invalid-request', 'The body must be a JSON object with "model".', { param: 'model' }))
  const snapshot = layers.snapshot()
  const plan = snapshot.plan(name, principal.value)
  if (!plan.ok) return layers.tell(head, sink, plan.error)
  sink.respond(200, JSON_HEADERS, encodeModel(snapshot.models(principal.value).find(({ id }) => id === name) ?? unlisted(name, plan.value)))
}

function unlisted(id: string, { targets: [target] }: Plan): ModelEntry {
  return { id, ownedBy: target?.provider ?? '', created: target?.facts?.released ?? 0, facts: target?.facts ?? null }
}

/** Older clients say `name`. */
function modelOf(body: Buffer): string | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    if (typeof value !== 'object' || value === null) return null
    const { model, name } = value as { readonly model?: unknown, readonly name?: unknown }
    const said = model ?? name
    return typeof said === 'string' && said !== '' ? said.replace(/(.):latest$/s, '$1') : null
  } catch {
    return null
  }
}
