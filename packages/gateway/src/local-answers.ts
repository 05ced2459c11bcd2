import {
  gatewayError,
  type ClientSink, type GatewayError, type ModelEntry, type Principal, type RelayDialect, type RequestHead, type Result, type Snapshot, type Target,
} from '@headrace/contract'
import { answerOllama } from './ollama-answers.ts'

/** What the small answers need; given by `main.ts`. */
export interface LocalLayers {
  /** The dialect in which a client wants to be answered. */
  readonly dialectOf: (head: RequestHead) => RelayDialect
  readonly snapshot: () => Snapshot
  readonly authenticate: (head: RequestHead) => Result<Principal>
  /** Ready = listening, with a configuration, and not draining. */
  readonly ready: () => boolean
  /** Paths of model calls, to be named; and whether a path is one. */
  readonly modelPaths: readonly string[]
  readonly isModelPath: (path: string) => boolean
  readonly nextId: () => string
  /** What a path of the contexts' API is answered by; null = there is none. */
  readonly contexts: { readonly owns: (path: string) => boolean, readonly answer: (head: RequestHead, body: Buffer, sink: ClientSink) => void } | null
}

const PLAIN = 'content-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\n'
const JSON_HEADERS = 'content-type: application/json\r\n'
/** The list of models, and a model below it: OpenAI's and Anthropic's path, and Google's. */
const MODELS = /^\/v1(?:beta)?\/models(?:\/(.*))?$/

/** Answers what needs no provider: health, readiness, the model list; and says clearly that anything else is not here. */
export function createLocalAnswers(layers: LocalLayers): (head: RequestHead, body: Buffer, sink: ClientSink) => void {
  return function local(head, body, sink) {
    if (head.path === '/healthz') return sink.respond(200, PLAIN, 'ok\n')
    if (head.path === '/readyz') return layers.ready() ? sink.respond(200, PLAIN, 'ready\n') : sink.respond(503, PLAIN, 'not ready\n')
    const listed = MODELS.exec(head.path)
    if (listed !== null && !layers.isModelPath(head.path)) return models(layers, head, listed[1], sink)
    if (!layers.isModelPath(head.path) && answerOllama({ snapshot: layers.snapshot, authenticate: layers.authenticate, tell: (asked, to, error) => tell(layers, asked, to, error) }, head, body, sink)) return
    if (layers.contexts?.owns(head.path) === true) return layers.contexts.answer(head, body, sink)
    const error = layers.isModelPath(head.path)
      ? gatewayError('method-not-allowed', `${head.path} takes POST, not ${head.method}.`)
      : gatewayError('not-found', `There is nothing at this path. Model calls go to ${layers.modelPaths.join(', ')}; the models are listed at /v1/models.`)
    tell(layers, head, sink, error)
  }
}

/** `name`: undefined = the list. */
function models(layers: LocalLayers, head: RequestHead, name: string | undefined, sink: ClientSink): void {
  if (head.method !== 'GET' && head.method !== 'HEAD') return tell(layers, head, sink, gatewayError('method-not-allowed', `${head.path} takes GET.`))
  const principal = layers.authenticate(head)
  if (!principal.ok) return tell(layers, head, sink, principal.error)
  const snapshot = layers.snapshot()
  if (name === undefined) return sink.respond(200, JSON_HEADERS, layers.dialectOf(head).encodeModels(snapshot.models(principal.value), head.query))
  const id = decodeModelId(name)
  const plan = id === null ? null : snapshot.plan(id, principal.value)
  if (id === null || plan === null) return tell(layers, head, sink, gatewayError('not-found', 'The model name in the path is not valid percent-encoding.'))
  if (!plan.ok) return tell(layers, head, sink, plan.error)
  const entry = snapshot.models(principal.value).find(model => model.id === id)
  sink.respond(200, JSON_HEADERS, layers.dialectOf(head).encodeModel(entry ?? unlisted(id, plan.value.targets[0])))
}

/** A model that is not listed and can be called all the same: `provider/model`, or one that a wildcard stands for. */
function unlisted(id: string, target: Target | undefined): ModelEntry {
  return { id, ownedBy: target?.provider ?? '', created: target?.facts?.released ?? 0, facts: target?.facts ?? null }
}

/** Model names may contain slashes, encoded by some SDKs and left alone by others. */
function decodeModelId(encoded: string): string | null {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return null
  }
}

function tell(layers: LocalLayers, head: RequestHead, sink: ClientSink, error: GatewayError): void {
  const told = layers.dialectOf(head).encodeError(error, layers.nextId())
  sink.respond(told.status, told.headers, told.body)
}
