import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { KeyRecord } from '@headrace/contract'

/** Fastify, reading its types from zod schemas. */
export type TypedApp = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, ZodTypeProvider>

/** Who asks. Only behind the access check. */
export function adminOf(request: FastifyRequest): KeyRecord {
  if (request.adminKey === null) throw new Error('this route is not behind the access check')
  return request.adminKey
}
