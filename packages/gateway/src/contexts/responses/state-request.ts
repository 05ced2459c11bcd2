import type { JsonView } from '@headrace/bytes'
import type { ClientSink, ContextOwner, ContextPolicy, GatewayError, Result } from '@headrace/contract'

/** A request for something that is kept, understood as far as its path goes. */
export interface StateRequest {
  readonly owner: ContextOwner
  readonly tenant: string
  readonly policy: ContextPolicy
  /** '' = none is named. */
  readonly id: string
  readonly itemId: string
  readonly query: URLSearchParams
  readonly body: JsonView
  readonly sink: ClientSink
  /** Asks a model, as a request of this client for a response; the body is latin1. */
  readonly ask: (body: string, sink: ClientSink) => void
  /** Answers with an error. */
  readonly tell: (error: GatewayError) => void
}

/** JSON text in latin1; null = it has answered already. */
export type StateHandler = (asked: StateRequest) => Promise<Result<string | null, GatewayError>>
