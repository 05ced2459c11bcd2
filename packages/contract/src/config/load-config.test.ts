import { expect, test } from 'vitest'
import type { KnownProvider } from '../known-provider.ts'
import { formatConfigErrors } from './config-error.ts'
import { loadConfig, type LoadOptions } from './load-config.ts'

const known = (id: string, env: readonly string[]): KnownProvider =>
  ({ id, dialect: 'openai-chat', baseUrl: `https://api.${id}.test/v1`, env, auth: env.length > 0 ? 'bearer' : 'none', usageOption: true, models: [] })
const KNOWN = [known('openai', ['OPENAI_API_KEY']), known('groq', ['GROQ_API_KEY']), known('sandbox', [])]
const ENV = { OPENAI_API_KEY: 'sk-from-env', EMPTY: '', PORT: '9000', TEAM_KEY: 'team-key-0123456789', YAML: 'a: [b' }

function load(text: string | null, overrides: Partial<LoadOptions> = {}) {
  return loadConfig({
    text, path: '/etc/headrace/headrace.yaml', version: 3, env: ENV, known: KNOWN, keys: [], sandboxUrl: null,
    readFile: path => { if (path === '/etc/headrace/secret') return 'from-file\n'; throw Object.assign(new Error('no'), { code: 'ENOENT' }) },
    ...overrides,
  })
}
const loaded = (text: string | null, overrides: Partial<LoadOptions> = {}) => {
  const result = load(text, overrides)
  if (!result.ok) throw new Error(formatConfigErrors(result.error, null, text))
  return result.value
}

const DIGEST = 'a'.repeat(64)
/** [what, text, line:column, part of the message] (check C2). */
const BAD: readonly (readonly [string, string, string, RegExp])[] = [
  ['broken YAML', 'server: [1', '1:11', /not valid YAML/],
  ['a tab as indent', 'server:\n\tport: 1', '2:1', /tab/],
  ['a duplicate key', 'server:\n  port: 1\n  port: 2', '3:3', /twice/],
  ['a second document', 'server: {}\n---\nserver: {}', '2:1', /second document/],
  ['a list at the top', '- a', '1:1', /expected a map/],
  ['an unknown section', 'modles: {}', '1:1', /unknown key `modles`; did you mean `models`\?/],
  ['an unknown key deep inside', 'server:\n  limits:\n    bodies: 5MiB', '3:5', /unknown key `bodies`/],
  ['a port out of range', 'server:\n  port: 70000', '2:9', /between 0 and 65535/],
  ['an address to listen on without a port', 'admin: {listen: localhost}', '1:17', /address to listen on/],
  ['an address to listen on with a path', 'admin: {listen: "127.0.0.1:1/x"}', '1:17', /address to listen on/],
  ['an address to listen on with a port that is none', 'admin: {listen: "127.0.0.1:65536"}', '1:17', /address to listen on/],
  ['two servers on one port', 'server: {port: 9}\nadmin: {listen: 9}', '2:17', /the public port is there already/],
  ['a size that is too big', 'server: {limits: {body: 10GiB}}', '1:25', /expected a size/],
  ['less memory than a worker starts in', 'server: {limits: {memory: 1MiB}}', '1:27', /between 128MiB and 16384GiB/],
  ['a duration without sense', 'server: {drain: soon}', '1:17', /expected a duration/],
  ['a negative duration', 'server: {drain: -1}', '1:17', /expected a duration/],
  ['a CORS origin with a path', 'server: {cors_origins: ["https://a.test/x"]}', '1:25', /without a path/],
  ['half a TLS set-up', 'server: {tls: {cert: a.pem}}', '1:15', /`key` is missing/],
  ['an unknown provider without URL', 'providers:\n  acme: {}', '2:3', /give its `base_url`/],
  ['a provider id with a slash', 'providers:\n  a/b: {base_url: "https://a.test"}', '2:3', /a provider id/],
  ['a provider without its key', 'providers:\n  groq: {}', '2:3', /set GROQ_API_KEY/],
  ['hedges that are too many', 'models: {m: {targets: [openai/a], hedge: {share: 50}}}', '1:50', /between 1 and 20/],
  ['an unknown dialect', 'providers: {openai: {dialect: soap}}', '1:31', /`openai-chat`/],
  ['a base URL with a query', 'providers: {x: {base_url: "https://a.test/v1?k=1"}}', '1:27', /no query/],
  ['a base URL with a password', 'providers: {x: {base_url: "https://u:p@a.test"}}', '1:27', /no user or password/],
  ['a base URL of another scheme', 'providers: {x: {base_url: "file:///etc/passwd"}}', '1:27', /begins with `https/],
  ['a base URL that is none', 'providers: {x: {base_url: nonsense}}', '1:27', /not a URL/],
  ['an empty credential', 'providers: {openai: {credentials: ""}}', '1:35', /not empty/],
  ['a credential from an empty variable', 'providers: {openai: {credentials: "${EMPTY}"}}', '1:35', /not empty/],
  ['a credential with a line end', 'providers: {openai: {credentials: "a\\r\\nb: c"}}', '1:35', /visible ASCII/],
  ['the same credential twice', 'providers:\n  openai:\n    credentials:\n      - aa\n      - aa', '5:9', /twice/],
  ['a typing error in a credential', 'providers: {openai: {credentials: [{vale: x, value: y}]}}', '1:37', /did you mean `value`/],
  ['a header with a line end', 'providers: {openai: {headers: {x-a: "1\\r\\nx-b: 2"}}}', '1:37', /one line of ASCII/],
  ['a header that Headrace sets', 'providers: {openai: {headers: {Host: evil.test}}}', '1:32', /set by Headrace/],
  ['a credential among headers', 'providers: {openai: {headers: {Authorization: x}}}', '1:32', /under `credentials`/],
  ['a proxy with a path', 'providers: {openai: {proxy: "http://p.test/x"}}', '1:29', /http:\/\/host:port/],
  ['a target at an unknown provider', 'models:\n  fast: opnai/gpt', '2:9', /did you mean `openai\/gpt`/],
  ['a target without provider', 'models: {fast: gpt}', '1:16', /`provider\/model`/],
  ['no targets', 'models: {fast: []}', '1:16', /at least one target/],
  ['the same target twice', 'models: {fast: [openai/a, openai/a]}', '1:27', /twice/],
  ['a wildcard target for a plain name', 'models: {fast: "openai/*"}', '1:16', /ends in `\*`/],
  ['a wildcard in the middle', 'models: {"a*b": openai/a}', '1:10', /only as the last/],
  ['a name with a control character', 'models: {"a\\u0000b": openai/a}', '1:10', /control characters/],
  ['a key without secret', 'keys:\n  - name: a', '2:5', /needs `key` or `digest`/],
  ['a key with both', `keys: [{name: a, key: "\${TEAM_KEY}", digest: ${DIGEST}}]`, '1:8', /not both/],
  ['a short key', 'keys: [{name: a, key: short}]', '1:23', /16 to 512/],
  ['two keys of one name', `keys:\n  - {name: a, digest: ${DIGEST}}\n  - {name: a, digest: ${'b'.repeat(64)}}`, '3:12', /names are unique/],
  ['one key twice', `keys:\n  - {name: a, digest: ${DIGEST}}\n  - {name: b, digest: ${DIGEST}}`, '3:23', /exists already/],
  ['a date that is none', `keys: [{name: a, digest: ${DIGEST}, expires: tomorrow}]`, '1:101', /expected a date/],
  ['an unknown scope', `keys: [{name: a, digest: ${DIGEST}, scopes: [root]}]`, '1:101', /`inference`, `admin`/],
  ['a missing variable', 'providers:\n  openai:\n    credentials: ${NOPE}', '3:18', /`NOPE` is not set/],
  ['a missing file', 'providers: {openai: {credentials: "${file:nope}"}}', '1:35', /cannot be read \(ENOENT\)/],
  ['a reference that is not closed', 'server: {host: "${HOST"}', '1:16', /not closed/],
  ['a deadline that is none', 'providers: {openai: {timeouts: {first_token: long}}}', '1:46', /expected a duration such as `60s`/],
  ['deadlines of an unknown provider', 'timeouts: {opnai/x: {total: 1s}}', '1:12', /did you mean `openai`\?/],
  ['deadlines of no target', 'timeouts: {openai: {total: 1s}}', '1:12', /expected a target/],
  ['too many attempts', 'relay: {max_attempts: 11}', '1:23', /between 1 and 10/],
]

test.each(BAD)('%s is refused at its place', (_what, text, place, message) => {
  const result = load(text)
  expect(result.ok).toBe(false)
  if (result.ok) return
  const found = result.error.map(error => `${error.line}:${error.column} ${error.message}`)
  expect(found.some(line => line.startsWith(`${place} `) && message.test(line)), found.join('\n')).toBe(true)
})

test('a file over the limit is refused unread', () => {
  const result = load('#'.repeat(5 * 2 ** 20))
  expect(result.ok ? [] : result.error).toMatchObject([{ line: 0, message: expect.stringContaining('larger than 4 MiB') }])
})

test('without a file the environment switches providers on, and the sandbox is where it runs', () => {
  const { config, warnings } = loaded(null, { sandboxUrl: 'http://127.0.0.1:4000/v1' })
  expect(config.providers.map(provider => [provider.id, provider.baseUrl, provider.credentials.map(credential => credential.value)])).toEqual([
    ['openai', 'https://api.openai.test/v1', ['sk-from-env']], ['sandbox', 'http://127.0.0.1:4000/v1', []],
  ])
  expect(config.version).toBe(3)
  expect(warnings).toEqual([])
})

test('empty sections and providers take their defaults', () => {
  const { config } = loaded('server:\nproviders:\n  openai:\nmodels:\nkeys:\nlog:\nrelay:\n')
  expect(config.server.port).toBe(8787)
  expect(config.providers[0]?.timeouts).toEqual({})
  expect(config.log).toEqual({ retentionMs: 30 * 86_400_000, maxBytes: 10 * 2 ** 30 })
  expect(config.policy).toEqual({ askUsage: true, logCalls: true, logBodies: 'none', logBodyLimit: 65_536, maxAttempts: 3, jsonDepth: 128, holdLimit: 262_144, coalesce: 'deterministic', fetchBytes: 0, fetchMs: 10_000 })
})

test('a model hedges only where its configuration says so', () => {
  const hedges = (text: string) => loaded(`models: {m: ${text}}`).config.models[0]?.hedge
  expect(hedges('openai/a')).toBeUndefined()
  expect(hedges('{targets: [openai/a]}')).toBeUndefined()
  expect(hedges('{targets: [openai/a], hedge: false}')).toBeUndefined()
  expect(hedges('{targets: [openai/a], hedge: true}')).toEqual({ share: 0.05, leastMs: 10 })
  expect(hedges('{targets: [openai/a], hedge: {share: 2, at_least: 1s}}')).toEqual({ share: 0.02, leastMs: 1_000 })
})

test('deadlines are what is said of provider, target and model, and no more', () => {
  const { config } = loaded('providers: {openai: {timeouts: {idle: 30s}}}\ntimeouts: {"openai/o*": {first_token: 5m}}\nmodels: {fast: {targets: [openai/a], timeouts: {total: 20s, connect: 1s}}}\n')
  expect(config.providers[0]?.timeouts).toEqual({ idle: 30_000 })
  expect(config.timeouts).toEqual([{ name: 'openai/o*', timeouts: { firstToken: 300_000 } }])
  expect(config.models[0]?.timeouts).toEqual({ total: 20_000, connect: 1_000 })
})

test('references are values: numbers where numbers are wanted, never YAML, never searched again', () => {
  const { config } = loaded('server:\n  port: ${PORT}\nproviders:\n  openai:\n    credentials: ["${file:secret}", "x$${y}"]\n    headers: {x-a: "${YAML}", x-b: "${NOPE:-none}"}\n')
  expect(config.server.port).toBe(9_000)
  expect(config.providers[0]?.credentials.map(credential => credential.value)).toEqual(['from-file', 'x${y}'])
  expect(config.providers[0]?.headers).toEqual({ 'x-a': 'a: [b', 'x-b': 'none' })
})

test('a key from the environment does not follow a changed base URL', () => {
  const { config, warnings } = loaded('providers: {openai: {base_url: "https://elsewhere.test/v1"}}')
  expect(config.providers[0]?.credentials).toEqual([])
  expect(warnings.join()).toMatch(/without a key/)
})

test.each([
  ['x: {base_url: "https://a.test", credentials: [k], dialect: anthropic-messages}', 'x-api-key'],
  ['x: {base_url: "https://a.test", credentials: [k]}', 'authorization'],
  ['openai: {dialect: anthropic-messages}', 'x-api-key'],
  ['x: {base_url: "https://a.test", credentials: [{value: k, header: api-key}], dialect: anthropic-messages}', 'api-key'],
])('a key travels as its dialect has it, unless the file says otherwise: %s', (provider, header) => {
  expect(loaded(`providers: {${provider}}`).config.providers[0]?.credentials[0]?.header).toBe(header)
})

test('credentials written into the file work, with a warning that does not repeat them', () => {
  const { config, warnings } = loaded('providers: {openai: {credentials: {value: sk-literal, header: api-key}}}')
  expect(config.providers[0]?.credentials).toEqual([{ id: 'openai#1', header: 'api-key', value: 'sk-literal' }])
  expect(warnings).toHaveLength(1)
  expect(warnings.join()).not.toContain('sk-literal')
})

test('errors are printed with the line and a caret, but lines with secrets are not', () => {
  const text = 'server:\n  port: x\nproviders: {openai: {credentials: "sk secret"}}'
  const result = load(text)
  const printed = result.ok ? '' : formatConfigErrors(result.error, 'headrace.yaml', text)
  expect(printed).toContain('headrace.yaml:2:9: expected a whole number between 0 and 65535\n      port: x\n            ^')
  expect(printed).toContain('headrace.yaml:3:35: ')
  expect(printed).not.toContain('sk secret')
})

test.each([
  ['9090', '127.0.0.1', 9090], ['"${PORT}"', '127.0.0.1', 9000], ['"0.0.0.0:9090"', '0.0.0.0', 9090], ['localhost:0', 'localhost', 0], ['"[::1]:9090"', '::1', 9090], ['admin.internal:1', 'admin.internal', 1],
])('admin.listen: %s is %s, port %i', (written, host, port) => { expect(loaded(`admin: {listen: ${written}}`).config.server.admin).toEqual({ host, port }) })

test('whoever lets admin keys come in plain text from elsewhere is warned', () => {
  expect(loaded('admin: {listen: "0.0.0.0:1"}').warnings.join()).toMatch(/admin keys come to 0\.0\.0\.0 in plain text/)
  expect(loaded('server: {tls: {cert: a, key: b}}\nadmin: {listen: "0.0.0.0:1"}').warnings).toEqual(loaded('server: {tls: {cert: a, key: b}}').warnings)
  expect(loaded('admin: {listen: 1}').warnings).toEqual(loaded('{}').warnings)
})
