import { z } from 'zod'
import { generateKey } from '@headrace/stores'
import { SCOPES, type KeyRecord } from '@headrace/contract'
import { isFileKey } from '../config/config-keeper.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import { changeError } from './change-answer.ts'
import { errorAnswer, errorSchema } from './error-answer.ts'
import { keyView, keyViewSchema, scopeSchema } from './key-view.ts'
import type { AdminServices } from './services.ts'
import { adminOf, type TypedApp } from './typed-app.ts'

/** As in the configuration's schema. */
const MAX_KEYS = 100_000
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'expected letters, digits, `.`, `_`, `-`, at most 64, beginning with a letter or digit' })
const newKeySchema = z.strictObject({
  name, team: name.nullable().default(null), app: name.nullable().default(null),
  scopes: z.array(scopeSchema).min(1).max(SCOPES.length).default(['inference']),
  models: z.array(z.string().regex(/^[^\p{Cc}\p{Cs}*]{0,255}[^\p{Cc}\p{Cs}]$/u)).max(1000).nullable().default(null).describe('Public model names, exact or with a trailing `*`; null = all.'),
  expiresAt: z.number().int().positive().nullable().default(null).describe('Unix ms; null = never.'),
})

/** Keys of the asking key's tenant (invariant 8). Those in the file can be seen here and are changed there. */
export function keyRoutes(app: TypedApp, services: AdminServices): void {
  const { keeper, keys } = services
  // What is checked - a name is free, another admin key is there - still holds when it is done.
  const inTurn = oneAtATime()
  const ofTenant = (tenant: string): readonly KeyRecord[] => keeper.current.keys.filter(key => key.tenant === tenant)

  app.get('/admin/v1/keys', {
    config: { access: 'tenant' }, schema: { summary: 'The keys of your tenant', response: { 200: z.object({ keys: z.array(keyViewSchema) }) } },
  }, async request => ({ keys: ofTenant(adminOf(request).tenant).map(keyView) }))

  app.post('/admin/v1/keys', {
    config: { access: 'tenant' },
    schema: {
      summary: 'Makes a key in your tenant. Its token is in this answer and nowhere else', body: newKeySchema,
      response: { 201: z.object({ key: keyViewSchema, token: z.string() }), 409: errorSchema, 422: errorSchema, 500: errorSchema, 504: errorSchema },
    },
  }, (request, reply) => inTurn(async () => {
    const { tenant } = adminOf(request)
    if (ofTenant(tenant).some(key => key.name === request.body.name)) return reply.code(409).send(errorAnswer('name_taken', 'There is a key of this name: names are unique.', 'invalid_request_error', 'name'))
    if (keeper.current.keys.length >= MAX_KEYS) return reply.code(409).send(errorAnswer('too_many_keys', `There are ${MAX_KEYS} keys: remove some first.`))
    const made = generateKey()
    const record: KeyRecord = { ...request.body, scopes: [...new Set(request.body.scopes)], keyId: made.keyId, digest: made.digest, prefix: made.prefix, tenant, createdAt: Date.now() }
    await keys.add(tenant, record)
    const change = await keeper.applyKeys()
    if (change.kind === 'in-force') return reply.code(201).send({ key: keyView(record), token: made.token })
    // Whoever asked does not get the token, so nobody has it.
    await keys.remove(tenant, record.keyId)
    await keeper.applyKeys()
    const { status, answer } = changeError(change)
    return reply.code(status).send(answer)
  }))

  app.delete('/admin/v1/keys/:keyId', {
    config: { access: 'tenant' },
    schema: {
      summary: 'Removes a key; when this has answered no worker takes it any more', params: z.object({ keyId: z.string().min(1).max(100) }),
      response: { 200: z.object({ removed: z.string() }), 404: errorSchema, 409: errorSchema, 422: errorSchema, 500: errorSchema, 504: errorSchema },
    },
  }, (request, reply) => inTurn(async () => {
    const { tenant } = adminOf(request)
    const key = ofTenant(tenant).find(one => one.keyId === request.params.keyId)
    if (key === undefined) return reply.code(404).send(errorAnswer('not_found', 'There is no such key.'))
    if (isFileKey(key)) return reply.code(409).send(errorAnswer('read_only', 'This key is in the configuration file: remove it there.'))
    if (isLastAdmin(key, ofTenant(tenant))) return reply.code(409).send(errorAnswer('last_admin_key', 'This is the last admin key: without it nobody could make another. Make one first.'))
    await keys.remove(tenant, key.keyId)
    const change = await keeper.applyKeys()
    if (change.kind === 'in-force') return { removed: key.keyId }
    const { status, answer } = changeError(change)
    return reply.code(status).send(answer)
  }))
}

function isLastAdmin(key: KeyRecord, keys: readonly KeyRecord[]): boolean {
  const admins = (one: KeyRecord): boolean => one.scopes.includes('admin') && (one.expiresAt === null || one.expiresAt > Date.now())
  return admins(key) && !keys.some(one => one.keyId !== key.keyId && admins(one))
}
