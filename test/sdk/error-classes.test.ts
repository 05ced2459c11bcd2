import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Anthropic, {
  ClientClosedRequestError, ContentTooLargeError, GatewayTimeoutError, OverloadedError, PreconditionFailedError, RequestHeaderFieldsTooLargeError, RequestTimeoutError,
} from '@anthropic-ai/sdk'
import { ApiError, GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { ERROR_POLICY, gatewayError, type DialectId, type ErrorKind } from '@headrace/contract'
import { DIALECTS } from '../../packages/gateway/src/main.ts'

type Class = new (...args: never[]) => Error

/** What each SDK raises for each way to fail. A rate limit is one everywhere, and so is an overload; what OpenAI's SDK has no class for is its `APIError`. */
const CLASSES = {
  'invalid-request': [OpenAI.BadRequestError, Anthropic.BadRequestError],
  'unauthenticated': [OpenAI.AuthenticationError, Anthropic.AuthenticationError],
  'forbidden': [OpenAI.PermissionDeniedError, Anthropic.PermissionDeniedError],
  'not-found': [OpenAI.NotFoundError, Anthropic.NotFoundError],
  'method-not-allowed': [OpenAI.APIError, Anthropic.APIError],
  'model-not-found': [OpenAI.NotFoundError, Anthropic.NotFoundError],
  'unsupported-media-type': [OpenAI.APIError, Anthropic.APIError],
  'body-too-large': [OpenAI.APIError, ContentTooLargeError],
  'head-too-large': [OpenAI.APIError, RequestHeaderFieldsTooLargeError],
  'client-timeout': [OpenAI.APIError, RequestTimeoutError],
  'client-closed': [OpenAI.APIError, ClientClosedRequestError],
  'idempotency-conflict': [OpenAI.ConflictError, Anthropic.ConflictError],
  'idempotency-mismatch': [OpenAI.UnprocessableEntityError, Anthropic.UnprocessableEntityError],
  'context-busy': [OpenAI.ConflictError, Anthropic.ConflictError],
  'context-stale': [OpenAI.APIError, PreconditionFailedError],
  'delta-unknown': [OpenAI.ConflictError, Anthropic.ConflictError],
  'rate-limited': [OpenAI.RateLimitError, Anthropic.RateLimitError],
  'budget-exceeded': [OpenAI.RateLimitError, Anthropic.RateLimitError],
  'overloaded': [OpenAI.InternalServerError, OverloadedError],
  'shutting-down': [OpenAI.InternalServerError, OverloadedError],
  'internal': [OpenAI.InternalServerError, Anthropic.InternalServerError],
  'superseded': [OpenAI.InternalServerError, OverloadedError],
  'upstream-connect': [OpenAI.InternalServerError, Anthropic.InternalServerError],
  'upstream-connect-timeout': [OpenAI.InternalServerError, GatewayTimeoutError],
  'upstream-first-token-timeout': [OpenAI.InternalServerError, GatewayTimeoutError],
  'upstream-idle-timeout': [OpenAI.InternalServerError, GatewayTimeoutError],
  'upstream-total-timeout': [OpenAI.InternalServerError, GatewayTimeoutError],
  'upstream-reset': [OpenAI.InternalServerError, Anthropic.InternalServerError],
  'upstream-protocol': [OpenAI.InternalServerError, Anthropic.InternalServerError],
  'upstream-truncated': [OpenAI.InternalServerError, Anthropic.InternalServerError],
  'upstream-invalid-request': [OpenAI.BadRequestError, Anthropic.BadRequestError],
  'upstream-context-length': [OpenAI.BadRequestError, Anthropic.BadRequestError],
  // The gateway's credential, not the client's: no client may take its own key for bad.
  'upstream-auth': [OpenAI.InternalServerError, Anthropic.InternalServerError],
  'upstream-quota': [OpenAI.RateLimitError, Anthropic.RateLimitError],
  'upstream-rate-limited': [OpenAI.RateLimitError, Anthropic.RateLimitError],
  'upstream-overloaded': [OpenAI.InternalServerError, OverloadedError],
  'upstream-server-error': [OpenAI.InternalServerError, Anthropic.InternalServerError],
} as const satisfies Record<ErrorKind, readonly [Class, Class]>

/** The gateway's own answer to a request that fails so. */
function answer(dialect: DialectId, kind: ErrorKind): () => Promise<Response> {
  const { status, headers, body } = DIALECTS.relay[dialect].encodeError(gatewayError(kind, `It is ${kind}.`, { retryAfterMs: 7_000, param: 'model' }), 'req-1')
  const lines = headers.split('\r\n').filter(line => line !== '').map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()])
  return async () => new Response(body, { status, headers: lines })
}

const kinds = Object.entries(CLASSES) as [ErrorKind, readonly [Class, Class]][] // keys of a Record<ErrorKind, ...>

describe('each kind of error', () => {
  it.each(kinds)('%s is raised by OpenAI\'s SDK as its own class, with what to do about it', async (kind, [expected]) => {
    const client = new OpenAI({ apiKey: 'k', maxRetries: 0, fetch: answer('openai-chat', kind) })
    const error = await client.chat.completions.create({ model: 'm', messages: [] }).catch((caught: unknown) => caught as InstanceType<typeof OpenAI.APIError>)
    expect((error as Error).constructor).toBe(expected)
    expect(error).toMatchObject({ param: 'model', requestID: 'req-1', message: expect.stringContaining(`It is ${kind}.`) })
    expect((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('7')
  })

  it.each(kinds)('%s is raised by Anthropic\'s SDK as its own class, with what to do about it', async (kind, [, expected]) => {
    const client = new Anthropic({ apiKey: 'k', maxRetries: 0, fetch: answer('anthropic-messages', kind) })
    const error = await client.messages.create({ model: 'm', max_tokens: 1, messages: [] }).catch((caught: unknown) => caught as InstanceType<typeof Anthropic.APIError>)
    expect((error as Error).constructor).toBe(expected)
    expect(error).toMatchObject({ requestID: 'req-1', message: expect.stringContaining(`It is ${kind}.`) })
    expect((error as InstanceType<typeof Anthropic.APIError>).headers?.get('retry-after')).toBe('7')
  })

  it.each(kinds)('%s is raised by Google\'s SDK with its own status, and the words, the field and the wait in it', async kind => {
    const server = createServer((request, response) => {
      request.resume().on('end', async () => {
        const answered = await answer('google-gemini', kind)()
        response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(await answered.text())
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const models = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, retryOptions: { attempts: 1 } } }).models
    const raised = await models.generateContent({ model: 'm', contents: 'x' }).catch((caught: unknown) => caught)
    server.closeAllConnections()
    server.close()
    expect(raised).toBeInstanceOf(ApiError)
    const { status, message } = raised as ApiError
    expect(status).toBe(ERROR_POLICY[kind].status)
    expect(JSON.parse(message)).toMatchObject({ error: { code: status, message: `It is ${kind}.`, details: [{ reason: ERROR_POLICY[kind].code.toUpperCase() }, { fieldViolations: [{ field: 'model' }] }, { retryDelay: '7s' }] } })
  })
})
