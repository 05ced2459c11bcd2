import type { GatewayError } from '@headrace/contract'
import type { PreparedCall } from './prepared-call.ts'
import type { CountedTokens } from './translation.ts'

/** Answers the client with an error, in our words. */
export function tellError({ exchange: x, dialect, sink }: PreparedCall, error: GatewayError): void {
  const told = dialect.encodeError(error, x.requestId)
  x.status = told.status
  x.committedAt = performance.now()
  sink.respond(told.status, told.headers + x.answerHeaders + x.explanation + (x.target?.answerHeaders ?? ''), told.body)
}

/** Answers the client's question for tokens. */
export function tellCount({ exchange: x, sink }: PreparedCall, counted: CountedTokens): void {
  x.approximated = counted.approximated
  x.status = 200
  x.committedAt = performance.now()
  x.responseBytes = counted.body.length
  sink.respond(200, counted.headers + x.answerHeaders, counted.body)
}
