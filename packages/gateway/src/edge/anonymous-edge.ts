import { gatewayError, type AnonymousConfig, type ClientSink, type EncodedError, type GatewayError, type RequestHead, type Result, type Serve, type ServerLimits } from '@headrace/contract'
import { letIn } from './anonymous-head.ts'
import type { BodyMemory, Routes } from './door.ts'
import { createEdge, type Edge } from './edge.ts'

/** What stands behind the listener: the same as behind the public one. */
export interface AnonymousOptions {
  /** Of the configuration in force; undefined = no longer configured. */
  readonly config: () => AnonymousConfig | undefined
  readonly limits: ServerLimits
  readonly routes: Routes
  readonly memory: BodyMemory
  readonly serve: Serve
  readonly local: (head: RequestHead, body: Buffer, sink: ClientSink) => void
  /** An error in the words of the request's dialect. */
  readonly tell: (head: RequestHead | null, error: GatewayError) => EncodedError
}

/**
 * A front door for local tools that send no key: plain text, model calls and what is asked beside them; no admin API, no pass-through, no WebSockets. Who
 * may come in `letIn` says, before a body is read and again before it is served.
 */
export function createAnonymousEdge({ config, limits, routes, memory, serve, local, tell }: AnonymousOptions): Edge {
  const enter = (head: RequestHead): Result<RequestHead> => {
    const now = config()
    // No key has an empty token: where the listener is no longer configured, its requests are as good as without one.
    return letIn(head, now ?? { host: '', port: 0, hosts: [], origins: [], token: '' })
  }
  const refuse = (head: RequestHead, sink: ClientSink, error: GatewayError): void => {
    const told = tell(head, error)
    sink.respond(told.status, told.headers, told.body)
  }
  return createEdge({
    limits, tls: null, corsOrigins: config()?.origins ?? [], routes, memory, controlSocket: null,
    encodeError: (error, _requestId, head) => tell(head, error),
    admit(head) {
      const entered = enter(head)
      return entered.ok ? null : entered.error
    },
    serve(dialect, operation, head, body, sink) {
      const entered = enter(head)
      if (entered.ok) serve(dialect, operation, entered.value, body, sink)
      else refuse(head, sink, entered.error)
    },
    local(head, body, sink) {
      const entered = enter(head)
      if (!entered.ok) refuse(head, sink, entered.error)
      // What clients of Ollama look for before they begin.
      else if (head.path === '/') sink.respond(200, 'content-type: text/plain; charset=utf-8\r\n', 'Ollama is running')
      else if (head.path.startsWith('/providers/')) refuse(head, sink, gatewayError('not-found', 'Providers are not passed through to where no key is asked for.'))
      else local(entered.value, body, sink)
    },
  })
}
