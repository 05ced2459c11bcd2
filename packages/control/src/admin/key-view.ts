import { z } from 'zod'
import { SCOPES, type KeyRecord } from '@headrace/contract'
import { isFileKey } from '../config/config-keeper.ts'

export const scopeSchema = z.enum(SCOPES)
/** A key as people may see it: no token, no digest. */
export const keyViewSchema = z.object({
  keyId: z.string(), prefix: z.string(), name: z.string(), tenant: z.string(), team: z.string().nullable(), app: z.string().nullable(), scopes: z.array(scopeSchema),
  models: z.array(z.string()).nullable().describe('null = all.'),
  createdAt: z.number().describe('Unix ms; 0 = written in the configuration file.'), expiresAt: z.number().nullable().describe('Unix ms.'),
  readOnly: z.boolean().describe('It is in the configuration file, and only changed there.'),
})
export type KeyView = z.infer<typeof keyViewSchema>

export function keyView(key: KeyRecord): KeyView {
  const { keyId, prefix, name, tenant, team, app, scopes, models, createdAt, expiresAt } = key
  return { keyId, prefix, name, tenant, team, app, scopes: [...scopes], models: models === null ? null : [...models], createdAt, expiresAt, readOnly: isFileKey(key) }
}
