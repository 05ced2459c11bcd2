import { z } from 'zod'
import { dollars, type LimitRule, type ProviderConfig, type ResolvedConfig } from '@headrace/contract'
import { keyView, keyViewSchema } from './key-view.ts'

/** Stands where a secret is. */
export const MASK = '***'

const timeoutsSchema = z.record(z.string(), z.number()).describe('Milliseconds; what is not said is decided elsewhere.')

/** Built field by field: what is new is hidden until somebody decides that it may be shown. */
export const maskedConfigSchema = z.object({
  version: z.number(),
  server: z.object({
    host: z.string(), port: z.number(), tls: z.object({ cert: z.string(), key: z.string() }).nullable().describe('Paths.'), corsOrigins: z.array(z.string()),
    limits: z.record(z.string(), z.number()), drainMs: z.number(),
  }),
  providers: z.array(z.object({
    id: z.string(), dialect: z.string(), baseUrl: z.string(), credentials: z.array(z.object({ id: z.string(), header: z.string(), value: z.literal(MASK) })),
    headers: z.record(z.string(), z.literal(MASK)), timeouts: timeoutsSchema, proxy: z.string().nullable(), tenant: z.string(), usageOption: z.boolean(), models: z.array(z.string()),
  })),
  models: z.array(z.object({ name: z.string(), targets: z.array(z.object({ provider: z.string(), model: z.string() })), strict: z.boolean(), timeouts: timeoutsSchema })),
  keys: z.array(keyViewSchema),
  limits: z.array(z.object({
    name: z.string(), per: z.array(z.string()), match: z.record(z.string(), z.array(z.string())),
    amounts: z.array(z.object({ resource: z.string(), spec: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])) })),
  })),
  prices: z.array(z.object({ name: z.string(), version: z.string().describe('Dollars per million tokens: input/cached/cache-write/output.') })),
  budgets: z.array(z.object({
    name: z.string(), per: z.array(z.string()), match: z.record(z.string(), z.array(z.string())), amount: z.string(), window: z.union([z.string(), z.number().describe('Rolling, ms.')]), mode: z.string(),
  })),
  capacity: z.array(z.object({ name: z.string(), concurrency: z.number(), queue: z.number(), waitMs: z.number(), targetMs: z.number(), intervalMs: z.number() })),
  timeouts: z.array(z.object({ name: z.string(), timeouts: timeoutsSchema })).describe('By target.'),
  policy: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  idempotency: z.object({ ttlMs: z.number(), answerBytes: z.number(), totalBytes: z.number(), afterCrash: z.enum(['retry', 'conflict']) }).nullable().describe('Null = an `Idempotency-Key` means nothing.'),
  log: z.object({ retentionMs: z.number(), maxBytes: z.number().describe('Of the database, in use.') }).nullable().describe('What the call log keeps; null = everything.'),
})
export type MaskedConfig = z.infer<typeof maskedConfigSchema>

/** The configuration in force without its secrets: credentials, header values (some carry keys), proxy passwords, key digests. */
export function maskedConfig({ version, server, providers, models, keys, limits, prices, budgets, capacity, timeouts, policy, idempotency, log }: ResolvedConfig): MaskedConfig {
  return {
    version,
    server: { host: server.host, port: server.port, tls: server.tls, ...server.admin === undefined ? {} : { admin: server.admin }, corsOrigins: [...server.corsOrigins], limits: { ...server.limits }, drainMs: server.drainMs },
    providers: providers.map(maskedProvider),
    models: models.map(({ name, targets, strict, timeouts: own }) => ({ name, strict: strict === true, timeouts: { ...own }, targets: targets.map(({ provider, model }) => ({ provider, model })) })),
    keys: keys.map(keyView),
    limits: (limits ?? []).map(maskedLimit),
    prices: (prices ?? []).map(({ name, price }) => ({ name, version: price.version })),
    budgets: (budgets ?? []).map(({ name, per, match, amount, window, mode }) => ({ name, per: [...per], match: maskedMatch(match), amount: dollars(amount), window, mode })),
    capacity: (capacity ?? []).map(rule => ({ ...rule })),
    timeouts: (timeouts ?? []).map(rule => ({ name: rule.name, timeouts: { ...rule.timeouts } })),
    policy: { ...policy },
    idempotency: idempotency == null ? null : { ...idempotency },
    log: log === undefined ? null : { retentionMs: log.retentionMs, maxBytes: log.maxBytes },
  }
}

function maskedProvider({ id, dialect, baseUrl, credentials, headers, timeouts, proxy, tenant = 'default', usageOption, models }: ProviderConfig): MaskedConfig['providers'][number] {
  return {
    id, dialect, baseUrl, credentials: credentials.map(credential => ({ id: credential.id, header: credential.header, value: MASK })),
    headers: Object.fromEntries(Object.keys(headers).map(name => [name, MASK])), timeouts: { ...timeouts }, proxy: proxy === null ? null : withoutPassword(proxy), tenant, usageOption, models: [...models],
  }
}

function maskedLimit({ name, per, match, amounts }: LimitRule): MaskedConfig['limits'][number] {
  return { name, per: [...per], match: maskedMatch(match), amounts: amounts.map(({ resource, spec }) => ({ resource, spec: { ...spec } })) }
}

function maskedMatch(match: Readonly<Partial<Record<string, readonly string[]>>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(match).map(([scope, names]) => [scope, [...names ?? []]]))
}

function withoutPassword(proxy: string): string {
  const url = URL.parse(proxy)
  if (url === null) return MASK
  if (url.username !== '' || url.password !== '') url.username = url.password = MASK
  return url.href
}
