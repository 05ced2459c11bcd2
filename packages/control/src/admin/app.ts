import swagger from '@fastify/swagger'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { KeyRecord } from '@headrace/contract'
import { OPERATOR_TENANT } from '../config/first-keys.ts'
import { say } from '../supervisor-link.ts'
import { AdminKeys } from './admin-keys.ts'
import { configRoutes } from './config-routes.ts'
import { errorAnswer, FORBIDDEN, INTERNAL, NOT_FOUND, OPERATOR_ONLY, UNAUTHENTICATED, type ErrorAnswer } from './error-answer.ts'
import { keyRoutes } from './key-routes.ts'
import { logRoutes } from './log-routes.ts'
import { metricsRoutes } from './metrics-routes.ts'
import { pageRoutes } from './page-routes.ts'
import type { AdminServices } from './services.ts'
import { spendRoutes } from './spend-routes.ts'
import { statusRoutes } from './status-routes.ts'
import { targetRoutes } from './target-routes.ts'

/** Who may use a route. Not said = `operator`, the narrowest. `tenant`: any admin key, for what belongs to its tenant. */
export type RouteAccess = 'public' | 'tenant' | 'operator'

declare module 'fastify' {
  interface FastifyContextConfig { access?: RouteAccess }
  interface FastifyRequest { adminKey: KeyRecord | null }
}

/** Body of the largest request there is - making a key with a thousand model names -, bytes. */
const BODY_LIMIT = 512 * 1024
const HEADERS = Object.freeze({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })

/** The admin API, the metrics and the page. `stopping` ends the answers that would go on for ever. `onRoute` hears of every route there is. */
export async function createAdminApp(services: AdminServices, stopping: AbortSignal, onRoute: (method: string, path: string) => void = () => {}): Promise<FastifyInstance> {
  const admins = new AdminKeys()
  services.keeper.onChange(config => admins.replace(config.keys))
  const app = fastify({
    bodyLimit: BODY_LIMIT, requestTimeout: 30_000, forceCloseConnections: true, return503OnClosing: false,
    // A path that cannot be decoded meets no hook: the same question is asked here.
    frameworkErrors: (_error, request, reply) => answerBadPath(admins, request as FastifyRequest, reply as FastifyReply),
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.decorateRequest('adminKey', null)
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.access !== 'public' && refuse(admins, request, reply)) return reply
    void reply.headers(HEADERS)
  })
  app.addHook('onRoute', route => { for (const method of [route.method].flat()) onRoute(method, route.url) })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NOT_FOUND))
  app.setErrorHandler((error, _request, reply) => void answerError(error, reply))

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0', info: { title: 'Headrace admin API', version: '1' },
      components: { securitySchemes: { adminKey: { type: 'http', scheme: 'bearer' } } }, security: [{ adminKey: [] }],
    },
    transform: jsonSchemaTransform,
  })
  for (const routes of [configRoutes, keyRoutes, spendRoutes, statusRoutes, targetRoutes, metricsRoutes, pageRoutes]) await app.register(async scope => routes(scope.withTypeProvider<ZodTypeProvider>(), services))
  await app.register(async scope => logRoutes(scope.withTypeProvider<ZodTypeProvider>(), services, stopping))
  app.get('/admin/v1/openapi.json', { config: { access: 'tenant' }, schema: { summary: 'This description' } }, async () => app.swagger())
  await app.ready()
  return app
}

/** True = answered with a refusal. Default deny: what is not marked otherwise needs an operator's key. */
function refuse(admins: AdminKeys, request: FastifyRequest, reply: FastifyReply): boolean {
  const access = admins.judge(request.raw.rawHeaders)
  const denied: { readonly status: number, readonly answer: ErrorAnswer } | null = access.kind === 'unauthenticated' ? { status: 401, answer: UNAUTHENTICATED }
    : access.kind === 'forbidden' ? { status: 403, answer: FORBIDDEN }
      : access.key.tenant !== OPERATOR_TENANT && request.routeOptions?.config?.access !== 'tenant' ? { status: 403, answer: OPERATOR_ONLY } : null
  if (access.kind === 'admin') request.adminKey = access.key
  if (denied === null) return false
  void reply.code(denied.status).headers(HEADERS)
  if (denied.status === 401) void reply.header('www-authenticate', 'Bearer')
  void reply.send(denied.answer)
  return true
}

function answerBadPath(admins: AdminKeys, request: FastifyRequest, reply: FastifyReply): void {
  if (!refuse(admins, request, reply)) void reply.code(400).send(errorAnswer('invalid_request', 'The path is not valid percent-encoding.'))
}

function answerError(error: unknown, reply: FastifyReply): FastifyReply {
  const { statusCode, message } = error as { readonly statusCode?: number, readonly message?: string } // Fastify's own and zod's; anything else has no such field
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return reply.code(statusCode).send(errorAnswer('invalid_request', message ?? 'The request is not valid.'))
  say(`The admin API failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
  return reply.code(500).send(INTERNAL)
}
