import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { KeyRecord, ModelConfig, ModelFacts, Price, Principal, ProviderConfig, RequestHead, ResolvedConfig, Snapshot } from '@headrace/contract'
import { authorizationToken } from './authenticate.ts'
import { compileSnapshot } from './compile-snapshot.ts'
import { explainPlan } from './explain-plan.ts'

const provider = (id: string, secrets: readonly string[], models: readonly string[] = []): ProviderConfig => ({
  id, dialect: 'openai-chat', baseUrl: `https://${id}.test/v1`, credentials: secrets.map((value, index) => ({ id: `${id}#${index + 1}`, header: 'authorization', value })),
  headers: { 'x-team': 'one' }, timeouts: { connect: 1, firstToken: 2, idle: 3, total: 4 }, proxy: null, usageOption: true, models,
})
const key = (name: string, changes: Partial<KeyRecord> = {}): KeyRecord => ({
  keyId: name, digest: hash('sha256', `token-${name}`), prefix: 'tok', name, tenant: 'default', team: null, app: null,
  scopes: ['inference'], models: null, createdAt: 0, expiresAt: null, ...changes,
})
const configure = (parts: Partial<ResolvedConfig> = {}): ResolvedConfig => ({
  version: 7,
  server: { host: '127.0.0.1', port: 0, tls: null, corsOrigins: [], drainMs: 1, limits: { headBytes: 1, bodyBytes: 1, jsonDepth: 1, connectionsPerAddress: 1, connections: 1, requestsPerConnection: 1, headMs: 1, requestMs: 1, keepAliveMs: 1, stallMs: 1 } },
  providers: [provider('one', ['s1', 's2'], ['solo', 'shared']), provider('two', ['s3'], ['shared'])],
  models: [
    { name: 'fast', targets: [{ provider: 'one', model: 'small' }, { provider: 'two', model: 'tiny' }] },
    { name: 'one/pinned', targets: [{ provider: 'two', model: 'other' }] },
    { name: 'a*', targets: [{ provider: 'one', model: 'any-*' }] }, { name: 'abc*', targets: [{ provider: 'two', model: '*' }] },
  ],
  keys: [key('all'), key('few', { models: ['fast', 'one/*'] }), key('old', { expiresAt: 1 }), key('admin', { scopes: ['admin'] })],
  policy: { askUsage: true, logCalls: true, logBodies: 'none', logBodyLimit: 0, maxAttempts: 3, jsonDepth: 1, holdLimit: 0 },
  ...parts,
})
const principalOf = (snapshot: Snapshot, name: string): Principal => {
  const result = snapshot.authenticate(`token-${name}`)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
const targetsOf = (snapshot: Snapshot, model: string, name = 'all') => {
  const plan = snapshot.plan(model, principalOf(snapshot, name))
  return plan.ok ? plan.value.targets.map(target => `${target.name} ${target.credentialId}`) : plan.error.kind
}
const ONE = (model: string) => [`one/${model} one#1`, `one/${model} one#2`]

test.each([
  ['an exact name', 'fast', ['one/small one#1', 'one/small one#2', 'two/tiny two#1']],
  ['an exact name before provider/model', 'one/pinned', ['two/other two#1']],
  ['provider/model', 'one/x/y', ONE('x/y')],
  ['a bare name that one provider lists', 'solo', ONE('solo')],
  ['a bare name that two list', 'shared', 'model-not-found'],
  ['a wildcard', 'axe', ONE('any-xe')],
  ['the longer wildcard', 'abcd', ['two/d two#1']],
  ['a provider without model', 'one/', 'model-not-found'],
  ['nothing', '', 'model-not-found'],
  ['a line end', 'one/pinned\n', 'model-not-found'],
  ['a name that is too long', `one/${'x'.repeat(253)}`, 'model-not-found'],
  ['a property of every object', '__proto__', 'model-not-found'],
])('%s is resolved', (_what, model, expected) => {
  expect(targetsOf(compileSnapshot(configure()).snapshot, model)).toEqual(expected)
})

test('credentials take turns, with the others as fallback', () => {
  const { snapshot } = compileSnapshot(configure())
  const first = [0, 1, 2].map(() => targetsOf(snapshot, 'one/m'))
  expect(first).toEqual([ONE('m'), ONE('m').toReversed(), ONE('m')])
})

test('an unknown name is told what may have been meant, from what the key may see', () => {
  const { snapshot } = compileSnapshot(configure())
  const told = snapshot.plan('fsat', principalOf(snapshot, 'all'))
  expect(told.ok ? '' : told.error.message).toContain('Did you mean "fast"?')
  const shared = snapshot.plan('shared', principalOf(snapshot, 'all'))
  expect(shared.ok ? '' : shared.error.message).toContain('one/shared, two/shared')
})

test('a key calls only what it is allowed, and cannot tell what else there is', () => {
  const { snapshot } = compileSnapshot(configure())
  const few = principalOf(snapshot, 'few')
  expect(targetsOf(snapshot, 'fast', 'few')).toHaveLength(3)
  expect(snapshot.plan('two/tiny', few)).toEqual(snapshot.plan('nowhere', few))
  expect(targetsOf(snapshot, 'solo', 'few')).toBe('forbidden')
  expect(targetsOf(snapshot, 'fast', 'admin')).toBe('forbidden')
  expect(snapshot.models(few).map(model => model.id)).toEqual(['fast', 'one/pinned', 'one/solo', 'one/shared'])
  expect(snapshot.models(principalOf(snapshot, 'admin'))).toEqual([])
  expect(snapshot.plan('fast', { ...few, keyId: 'of another snapshot' }).ok).toBe(false)
})

test('unknown, expired and oversized tokens are refused', () => {
  const { snapshot } = compileSnapshot(configure())
  for (const token of ['', 'nope', 'token-old', 'token-all ', 'x'.repeat(100_000), hash('sha256', 'token-all')]) {
    const result = snapshot.authenticate(token)
    expect(result.ok ? 'accepted' : result.error.kind).toBe('unauthenticated')
  }
})

test('a key that was in use is refused once it expires', () => {
  const { snapshot } = compileSnapshot(configure({ keys: [key('brief', { expiresAt: Date.now() + 30 })] }))
  expect(snapshot.authenticate('token-brief').ok).toBe(true)
  const until = performance.now() + 40
  while (performance.now() < until) { /* the clock itself is what is waited for */ }
  expect(snapshot.authenticate('token-brief').ok).toBe(false)
})

test.each([
  [{ authorization: 'Bearer a' }, 'a'], [{ authorization: 'bearer a' }, 'a'], [{ 'x-api-key': 'a' }, 'a'], [{ 'api-key': 'a' }, 'a'],
  [{ authorization: 'Bearer a', 'x-api-key': 'a' }, 'a'], [{ authorization: 'Bearer a', 'x-api-key': 'b' }, null], [{ 'api-key': 'a', 'x-api-key': 'b' }, null],
  [{ authorization: 'Basic a' }, null], [{ authorization: 'Bearer ' }, null], [{ 'x-api-key': '' }, null], [{}, null],
])('the token of %j is %s', (headers: Record<string, string>, expected) => {
  const head: RequestHead = { method: 'POST', path: '/', query: '', remoteAddress: '', header: name => headers[name] }
  const token = authorizationToken(head)
  expect(token.ok ? token.value : null).toBe(expected)
})

test('no model name reaches a path, a header or a body as anything but a name', () => {
  const { snapshot } = compileSnapshot(configure())
  const all = principalOf(snapshot, 'all')
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: fc.constantFrom('\r', '\n', '"', '\\', '%', ' ', '/', '?', '#', '\u2028', 'é', '\ud800', ':') })), suffix => {
    const plan = snapshot.plan(`one/${suffix}`, all)
    if (!plan.ok) return
    for (const target of plan.value.targets) {
      expect(target.paths.chat).toBe('/v1/chat/completions')
      expect(target.answerHeaders).toMatch(/^headrace-target: [\x21-\x7e]+\r\n$/)
      expect(decodeURIComponent(target.answerHeaders.slice(17, -2))).toBe(`one/${suffix}`)
      expect(target.modelJson).toMatch(/^"[\x20-\x7e]*"$/)
      expect(JSON.parse(target.modelJson)).toBe(suffix)
      expect(target.headers).toMatch(/^(?:[a-z-]+: [\x20-\x7e]*\r\n)+$/)
    }
  }))
})

test('secrets are in the vault alone, each with its origin', () => {
  const { snapshot, credentials } = compileSnapshot(configure())
  const all = principalOf(snapshot, 'all')
  const plan = snapshot.plan('fast', all)
  expect(JSON.stringify(plan) + JSON.stringify(snapshot)).not.toMatch(/"s[123]"|Bearer/)
  expect(credentials.get('two#1')).toEqual({ origin: { tls: true, host: 'two.test', port: 443, authority: 'two.test', proxy: null }, headerLine: 'authorization: Bearer s3\r\n' })
  const explained = explainPlan(snapshot, 'fast', all)
  expect(explained.ok ? explained.value.join('\n') : '').toContain('https://two.test/v1/chat/completions')
})

test('a model\'s hedges are earned under its configured name, whichever name it is called by', () => {
  const { snapshot } = compileSnapshot(configure({ models: [{ name: 'a*', targets: [{ provider: 'one', model: 'any-*' }], hedge: { share: 0.02, leastMs: 50 } }, { name: 'b', targets: [{ provider: 'one', model: 'b' }] }] }))
  const hedgeOf = (model: string) => {
    const plan = snapshot.plan(model, principalOf(snapshot, 'all'))
    return plan.ok ? plan.value.hedge : plan.error
  }
  expect(hedgeOf('axe')).toEqual({ name: 'a*', share: 0.02, leastMs: 50 })
  expect([hedgeOf('b'), hedgeOf('one/anything')]).toEqual([null, null])
  const explained = explainPlan(snapshot, 'axe', principalOf(snapshot, 'all'))
  expect(explained.ok ? explained.value.join('\n') : '').toContain('hedged after the p95 of the target, at least 50 ms, in at most 2 of 100 requests')
})

test('everything a snapshot gives away is frozen', () => {
  const { snapshot, credentials } = compileSnapshot(configure())
  const all = principalOf(snapshot, 'all')
  const seen = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    expect(Object.isFrozen(value), path).toBe(true)
    for (const [name, part] of Object.entries(value)) seen(part, `${path}.${name}`)
  }
  for (const value of [snapshot, all, snapshot.plan('fast', all), snapshot.models(all), ...credentials.values()]) seen(value instanceof Object && 'ok' in value && value.ok ? value.value : value, 'value')
  expect(() => (all.scopes as Set<string>).add('admin')).toThrow(TypeError)
})

test('keys and models are looked up, not searched for: 10,000 of them do not cost a request thousands of times more', () => {
  const model = (index: number): ModelConfig => ({ name: `model-${index}`, targets: [{ provider: 'one', model: 'm' }] })
  const build = (count: number): Snapshot => compileSnapshot(configure({
    keys: Array.from({ length: count }, (_, index) => key(`${index}`)), models: Array.from({ length: count }, (_, index) => model(index)),
  })).snapshot
  // CPU time comes in ticks of some milliseconds: many turns, and never nothing.
  const cost = (snapshot: Snapshot): number => {
    const started = process.cpuUsage()
    for (let turn = 0; turn < 300_000; turn++) {
      const principal = snapshot.authenticate('token-0')
      if (!principal.ok || !snapshot.plan('model-0', principal.value).ok) throw new Error('refused')
    }
    const { user, system } = process.cpuUsage(started)
    return Math.max(1, (user + system) / 1000)
  }
  const few = build(1)
  const many = build(10_000)
  cost(few)
  cost(many)
  const [one, all] = [cost(few), cost(many)]
  console.log(`authenticate + plan: ${(one / 300).toFixed(3)} us with 1 key, ${(all / 300).toFixed(3)} us with 10,000`)
  // A search would cost thousands of times more, a cache that misses twice as much; `bench relay` has the exact figure.
  expect(all / one).toBeLessThan(20)
})

test('a target is as the catalogue says, and as the configuration says where it says something', () => {
  const price = (version: string): Price => ({ input: 1, cachedInput: 1, cacheWrite: 1, output: 1, version })
  const facts = (model: string, prefill: boolean, cost: Price | null): ModelFacts => ({
    provider: 'one', model, name: model, aliases: [`${model}-alias`], contextWindow: 10, maxOutput: 5, input: ['text'], output: ['text'], capabilities: { prefill }, cache: null, firstToken: 'normal', released: 0, price: cost,
  })
  const catalogue = [facts('begun', true, price('known')), facts('plain', false, null)]
  const seen = (prefill: boolean | undefined, model: string): unknown => {
    const one = { ...provider('one', ['s1']), ...prefill === undefined ? {} : { prefill } }
    const { snapshot } = compileSnapshot(configure({ providers: [one, provider('two', ['s2'])], catalogue, prices: [{ name: 'one/dear*', price: price('own') }, { name: 'one/plain', price: price('own') }] }))
    const plan = snapshot.plan(model, principalOf(snapshot, 'all'))
    const target = plan.ok ? plan.value.targets[0] : undefined
    return [target?.prefill, target?.price?.version ?? null, target?.facts?.model ?? null]
  }
  expect(seen(undefined, 'one/begun')).toEqual([true, 'known', 'begun'])
  expect(seen(undefined, 'one/begun-alias')).toEqual([true, 'known', 'begun'])
  expect(seen(undefined, 'one/begun-20260131')).toEqual([true, 'known', 'begun'])
  expect(seen(false, 'one/begun')).toEqual([false, 'known', 'begun'])
  expect(seen(undefined, 'one/plain')).toEqual([false, 'own', 'plain'])
  expect(seen(true, 'one/plain')).toEqual([true, 'own', 'plain'])
  expect(seen(undefined, 'one/unheard')).toEqual([false, null, null])
  expect(seen(undefined, 'two/begun')).toEqual([false, null, null])
})

test('deadlines are the model\'s, else the target\'s, else the provider\'s, else as long as models of its class think', () => {
  const facts = (model: string, firstToken: ModelFacts['firstToken']): ModelFacts => ({
    provider: 'one', model, name: model, aliases: [], contextWindow: -1, maxOutput: -1, input: ['text'], output: ['text'], capabilities: {}, cache: null, firstToken, released: 0, price: null,
  })
  const { snapshot } = compileSnapshot(configure({
    providers: [{ ...provider('one', []), timeouts: { idle: 3 } }],
    catalogue: [facts('thinks', 'reasoning'), facts('quick', 'fast')],
    timeouts: [{ name: 'one/slow*', timeouts: { firstToken: 11, idle: 12 } }, { name: 'one/slower', timeouts: { firstToken: 13 } }],
    models: [{ name: 'own', targets: [{ provider: 'one', model: 'slow' }], timeouts: { idle: 21, total: 22 } }],
  }))
  const seen = (model: string): unknown => {
    const plan = snapshot.plan(model, principalOf(snapshot, 'all'))
    const target = plan.ok ? plan.value.targets[0] : undefined
    return [target?.timeouts, target?.wholeTimeouts?.firstToken]
  }
  expect(seen('one/any')).toEqual([{ connect: 5_000, firstToken: 60_000, idle: 3, total: 600_000 }, 180_000])
  expect(seen('one/thinks')).toEqual([{ connect: 5_000, firstToken: 300_000, idle: 3, total: 600_000 }, 600_000])
  expect(seen('one/quick')).toEqual([{ connect: 5_000, firstToken: 30_000, idle: 3, total: 600_000 }, 120_000])
  expect(seen('one/slow-x')).toEqual([{ connect: 5_000, firstToken: 11, idle: 12, total: 600_000 }, 11])
  expect(seen('one/slower')).toEqual([{ connect: 5_000, firstToken: 13, idle: 3, total: 600_000 }, 13])
  expect(seen('own')).toEqual([{ connect: 5_000, firstToken: 11, idle: 21, total: 22 }, 11])
  const told = explainPlan(snapshot, 'one/thinks', principalOf(snapshot, 'all'))
  expect(told.ok ? told.value.join('\n') : '').toContain('timeouts: connect 5000 ms, first_token 300000 ms, idle 3 ms, total 600000 ms (first_token by the class reasoning; 600000 ms for an answer in one piece)')
})
