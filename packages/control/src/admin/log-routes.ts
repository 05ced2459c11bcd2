import { Readable } from 'node:stream'
import type { z } from 'zod'
import type { LogQuery } from '@headrace/contract'
import { errorAnswer, errorSchema } from './error-answer.ts'
import { followCalls } from './follow-calls.ts'
import { Followers, MAX_FOLLOWERS } from './followers.ts'
import { logAnswerSchema, logQuerySchema } from './log-schemas.ts'
import { boundedLimit, readCalls } from './read-calls.ts'
import type { AdminServices } from './services.ts'
import { adminOf, type TypedApp } from './typed-app.ts'

/** Rows read at once while following; the next ones are read when these have been taken. */
const PAGE = 200

export function logRoutes(app: TypedApp, { calls, keeper }: AdminServices, stopping: AbortSignal): void {
  const followers = new Followers()
  keeper.onChange(config => followers.keysChanged(config))
  app.get('/admin/v1/logs', {
    config: { access: 'tenant' },
    schema: { summary: 'The call log: one row per call to a provider, and per refused request', querystring: logQuerySchema, response: { 200: logAnswerSchema, '4xx': errorSchema } },
  }, async (request, reply) => {
    const query = { ...logQuery(request.query, adminOf(request).tenant), limit: boundedLimit(request.query.limit, keeper.current.policy) }
    if (request.query.follow !== 'true') return { rows: [...readCalls(calls.database, query)] }
    const follower = followers.admit(adminOf(request))
    if (follower === null) return reply.code(429).send(errorAnswer('rate_limit_exceeded', `${MAX_FOLLOWERS} followers are connected already: end one of them.`, 'rate_limit_error'))
    reply.raw.once('close', follower.leave)
    const rows = Readable.from(followCalls(calls, query, boundedLimit(PAGE, keeper.current.policy), AbortSignal.any([follower.signal, stopping])), { objectMode: false, highWaterMark: 1 })
    return reply.header('x-accel-buffering', 'no').type('application/x-ndjson').send(rows as never) // the declared answer is the JSON one
  })
}

function logQuery(asked: z.output<typeof logQuerySchema>, tenant: string): LogQuery {
  const { key_id: keyId, error_kind: errorKind, request_id: requestId, follow: _follow, ...same } = asked
  const given = Object.entries({ ...same, keyId, errorKind, requestId, tenant }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as unknown as LogQuery // the schema has checked each of them
}
