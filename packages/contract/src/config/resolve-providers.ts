import type { KnownProvider } from '../known-provider.ts'
import type { CredentialConfig, ProviderConfig } from '../resolved-config.ts'
import type { DialectId } from '../snapshot.ts'
import type { TokenGrant } from '../token-grant.ts'
import type { ConfigProblems } from './config-problems.ts'
import { readServiceAccount } from './read-service-account.ts'
import { resolveTimeouts } from './resolve-timeouts.ts'
import { resolveBaseUrl, resolveProxy } from './resolve-url.ts'
import { fileSchema, MAX_PROVIDERS, type ProviderFile } from './schema.ts'

export interface ProviderSources {
  readonly known: readonly KnownProvider[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Text of a file that the environment names; throws when it cannot be read. */
  readonly readFile: (path: string) => string
  /** Base URL of the running sandbox, or null: then there is none. */
  readonly sandboxUrl: string | null
}

/** Id of the built-in simulated provider. */
const SANDBOX = 'sandbox'
/** Headers that Headrace sets itself, and those that are credentials. */
const RESERVED = /^(?:host|content-length|content-type|content-encoding|transfer-encoding|accept-encoding|connection|keep-alive|te|trailer|upgrade|expect|anthropic-version|proxy-.*)$/
const CREDENTIAL_HEADERS = /^(?:authorization|x-api-key|api-key|x-goog-api-key|cookie)$/

/** How a server of a dialect usually wants its key. */
const DIALECT_HEADERS = Object.freeze({ 'openai-chat': 'authorization', 'openai-responses': 'authorization', 'anthropic-messages': 'x-api-key', 'google-gemini': 'x-goog-api-key', 'ollama-chat': 'authorization' } as const satisfies Record<DialectId, string>)

/**
 * The providers of the file's `providers` section; without that section, those whose key is in the environment.
 * The sandbox comes last wherever it runs.
 */
export function resolveProviders(file: Readonly<Record<string, ProviderFile>> | null, sources: ProviderSources, problems: ConfigProblems): ProviderConfig[] {
  const entries = file === null ? fromEnvironment(sources) : Object.entries(file)
  if (entries.length > MAX_PROVIDERS) problems.error(['providers'], `too many providers: at most ${MAX_PROVIDERS}`, 'key')
  const providers: ProviderConfig[] = []
  for (const [id, settings] of entries) {
    if (id === SANDBOX) continue
    const provider = resolveProvider(id, settings, sources, problems)
    if (provider !== null) providers.push(provider)
  }
  const sandbox = file !== null && Object.hasOwn(file, SANDBOX) ? file[SANDBOX] : undefined
  if (sandbox !== undefined || sources.sandboxUrl !== null) {
    const provider = resolveProvider(SANDBOX, sandbox ?? emptySettings(), sources, problems)
    if (provider !== null) providers.push(provider)
  }
  return providers
}

function fromEnvironment(sources: ProviderSources): [string, ProviderFile][] {
  const isSet = (name: string | undefined): boolean => name !== undefined && Object.hasOwn(sources.env, name) && sources.env[name]?.trim() !== ''
  // A key without its address is not this vendor's, or not yet.
  return sources.known.filter(known => environmentKey(known, sources) !== null && [...known.baseUrl.matchAll(/\{(\w+)\}/g)].every(([, name]) => isSet(name))).map(known => [known.id, emptySettings()])
}

function emptySettings(): ProviderFile {
  const settings = fileSchema.parse({ providers: { any: null } }).providers?.['any']
  if (settings === undefined) throw new Error('the schema has no empty provider')
  return settings
}

function environmentKey(known: KnownProvider, sources: ProviderSources): { readonly name: string, readonly value: string } | null {
  for (const name of known.env) {
    const value = Object.hasOwn(sources.env, name) ? sources.env[name]?.trim() : undefined
    if (value !== undefined && value !== '') return { name, value }
  }
  return null
}

function resolveProvider(id: string, settings: ProviderFile, sources: ProviderSources, problems: ConfigProblems): ProviderConfig | null {
  const path = ['providers', id]
  const alike = settings.like == null ? undefined : sources.known.find(provider => provider.id === settings.like)
  if (settings.like != null && alike === undefined) problems.error([...path, 'like'], `there is no provider \`${settings.like}\`. Known: ${sources.known.map(provider => provider.id).join(', ')}`)
  const known = alike ?? sources.known.find(provider => provider.id === id)
  const ownUrl = id === SANDBOX && sources.sandboxUrl !== null ? sources.sandboxUrl : known === undefined || settings.base_url != null ? undefined : customersUrl(known, path, sources, problems)
  const url = settings.base_url ?? ownUrl
  if (url === null) return null
  if (url === undefined) {
    problems.error(path, `provider \`${id}\` is not one that Headrace knows: give its \`base_url\`. Known: ${sources.known.map(provider => provider.id).join(', ')}`, 'key')
    return null
  }
  const baseUrl = resolveBaseUrl(url)
  if (!baseUrl.ok) problems.error([...path, 'base_url'], baseUrl.error)
  const proxy = settings.proxy == null ? null : resolveProxy(settings.proxy)
  if (proxy?.ok === false) problems.error([...path, 'proxy'], proxy.error)
  const credentials = resolveCredentials(id, settings, known, sources, problems)
  checkHeaders(id, settings.headers ?? {}, problems)
  checkRepeats(settings.models ?? [], [...path, 'models'], problems)
  return {
    id, dialect: settings.dialect ?? known?.dialect ?? 'openai-chat', baseUrl: baseUrl.ok ? baseUrl.value : '', credentials,
    headers: settings.headers ?? {},
    timeouts: resolveTimeouts(settings.timeouts),
    proxy: proxy?.ok ? proxy.value : null,
    ...(settings.api_version == null ? {} : { apiVersion: settings.api_version }),
    tenant: settings.tenant,
    usageOption: settings.usage_option ?? known?.usageOption ?? true,
    ...structureOf(settings, known),
    ...(settings.prefill == null ? {} : { prefill: settings.prefill }),
    // Another dialect there is another server's: what its vendor does otherwise is not known.
    ...(known === undefined || (settings.dialect != null && settings.dialect !== known.dialect) ? {} : differencesOf(known)),
    models: settings.models ?? known?.models ?? [],
  }
}

function differencesOf({ quirks, services, endpoints }: KnownProvider): Pick<ProviderConfig, 'quirks' | 'services'> {
  const own = endpoints === undefined || endpoints.includes('completions') ? services : { ...services, completions: false as const }
  return { ...(quirks === undefined ? {} : { quirks }), ...(own === undefined ? {} : { services: own }) }
}

const structureOf = ({ structured_output }: ProviderFile, known: KnownProvider | undefined): Pick<ProviderConfig, 'structuredOutput'> => {
  const structuredOutput = structured_output ?? known?.structuredOutput
  return structuredOutput === undefined ? {} : { structuredOutput }
}

/** The variable in the host of an address. */
const HOST_PLACE = /^\w+:\/\/[^/{]*\{(\w+)\}/

/** A vendor's address with the parts that every customer has of their own; null = one is not in the environment. */
function customersUrl({ id, baseUrl, placeHosts }: KnownProvider, path: readonly string[], sources: ProviderSources, problems: ConfigProblems): string | null {
  let whole = true
  const url = baseUrl.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = Object.hasOwn(sources.env, name) ? sources.env[name]?.trim() ?? '' : ''
    if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(value)) return value
    whole = false
    problems.error(path, `provider \`${id}\` has an address that every customer has of their own: set ${name} in the environment, or write \`base_url\``, 'key')
    return ''
  })
  if (!whole) return null
  const [, place = ''] = HOST_PLACE.exec(baseUrl) ?? []
  const host = placeHosts?.[sources.env[place]?.trim() ?? '']
  return host === undefined ? url : url.replace(/^(\w+:\/\/)[^/]+/, (_, scheme: string) => scheme + host)
}

function resolveCredentials(id: string, settings: ProviderFile, known: KnownProvider | undefined, sources: ProviderSources, problems: ConfigProblems): CredentialConfig[] {
  const defaultHeader = credentialHeader(settings, known)
  const path = ['providers', id, 'credentials']
  if (settings.credentials == null) return defaultCredentials(id, settings, known, defaultHeader, sources, problems)
  const isList = Array.isArray(settings.credentials)
  const list = Array.isArray(settings.credentials) ? settings.credentials : [settings.credentials]
  const seen = new Set<string>()
  return list.map((item, index) => {
    const place = isList ? [...path, index] : path
    const token = typeof item === 'string' ? null : grantOf(item, place, problems)
    if (token !== null) return { id: `${id}#${index + 1}`, header: 'authorization', value: '', token }
    const value = typeof item === 'string' ? item : item.value ?? ''
    if (seen.has(value)) problems.error(place, 'this credential stands here twice: keep one of them')
    seen.add(value)
    if (!problems.interpolated(typeof item === 'string' ? place : [...place, 'value'])) {
      problems.warn(place, `a credential of provider \`${id}\` is written into the file; a reference such as \`\${NAME}\` or \`\${file:/path}\` keeps it out`)
    }
    const header = (typeof item === 'string' ? null : item.header)?.toLowerCase() ?? defaultHeader
    if (RESERVED.test(header)) problems.error([...place, 'header'], `header \`${header}\` cannot carry a credential`)
    return { id: `${id}#${index + 1}`, header, value }
  })
}

type CredentialFile = Exclude<Extract<NonNullable<ProviderFile['credentials']>, { readonly header?: unknown }>, readonly unknown[]>
/** What Azure's tokens for models are asked for. */
const AZURE_SCOPE = 'https://cognitiveservices.azure.com/.default'

/** Stands for a grant that could not be read: the configuration is refused. */
const UNREADABLE: TokenGrant = Object.freeze({ kind: 'service-account', tokenUrl: '', email: '', keyId: '', privateKey: '', scope: '' })

/** Where tokens are got for a credential; null = it is one itself. */
function grantOf({ value, header, oauth, entra, google }: CredentialFile, place: readonly (string | number)[], problems: ConfigProblems): TokenGrant | null {
  if ([value, oauth, entra, google].filter(one => one != null).length !== 1) problems.error(place, 'give one of `value`, `oauth`, `entra` and `google`')
  if (header != null && value == null) problems.error([...place, 'header'], 'tokens are sent in `authorization`: leave `header` out')
  if (google != null) {
    const grant = readServiceAccount(google.key, google.scope ?? null)
    if (!grant.ok) problems.error([...place, 'google', 'key'], `the key file ${grant.error}`)
    if (!problems.interpolated([...place, 'google', 'key'])) problems.warn([...place, 'google', 'key'], 'a key is written into the file; a reference such as `${file:/path}` keeps it out')
    return grant.ok ? grant.value : UNREADABLE
  }
  const given = oauth ?? entra
  if (given == null) return null
  const part = oauth == null ? 'entra' : 'oauth'
  if (!problems.interpolated([...place, part, 'client_secret'])) problems.warn([...place, part, 'client_secret'], 'a client secret is written into the file; a reference such as `${NAME}` or `${file:/path}` keeps it out')
  const common = { kind: 'client-credentials', clientId: given.client_id, clientSecret: given.client_secret } as const
  if (oauth != null) return { ...common, tokenUrl: oauth.token_url, scope: oauth.scope ?? '' }
  if (entra == null) return null
  const authority = (entra.authority ?? 'https://login.microsoftonline.com').replace(/\/+$/, '')
  return { ...common, tokenUrl: `${authority}/${entra.tenant}/oauth2/v2.0/token`, scope: entra.scope ?? AZURE_SCOPE }
}

/** How the provider wants its key: as it is known to, unless the file says that another dialect is spoken there; else as the dialect has it. */
function credentialHeader(settings: ProviderFile, known: KnownProvider | undefined): string {
  if (known === undefined || (settings.dialect != null && settings.dialect !== known.dialect)) return DIALECT_HEADERS[settings.dialect ?? 'openai-chat']
  return known.auth === 'bearer' || known.auth === 'none' || known.auth === 'google-key-file' ? 'authorization' : known.auth
}

/** The key from the environment, but only for the vendor's own host: a key must not follow a changed `base_url` (invariant 9). */
function defaultCredentials(id: string, settings: ProviderFile, known: KnownProvider | undefined, header: string, sources: ProviderSources, problems: ConfigProblems): CredentialConfig[] {
  if (known === undefined || known.auth === 'none') return []
  if (settings.base_url != null && !isVendors(settings.base_url, known)) {
    problems.warn(['providers', id], `provider \`${id}\` has a \`base_url\` of its own and no \`credentials\`: it is called without a key`)
    return []
  }
  const key = environmentKey(known, sources)
  if (key === null) {
    problems.error(['providers', id], `provider \`${id}\` has no credentials: set ${known.env.join(' or ')} in the environment, or write \`credentials\` (\`[]\` for none)`, 'key')
    return []
  }
  if (known.auth === 'google-key-file') return keyFileCredential(id, key, sources, problems)
  if (!/^[\x21-\x7e]{1,8192}$/.test(key.value)) problems.error(['providers', id], `environment variable ${key.name} is no credential: it holds spaces, line ends or other characters that a key cannot have`, 'key')
  return [{ id: `${id}#1`, header, value: key.value }]
}

/** The environment names a file, as Google's own libraries have it. */
function keyFileCredential(id: string, { name, value: file }: { readonly name: string, readonly value: string }, sources: ProviderSources, problems: ConfigProblems): CredentialConfig[] {
  let text: string
  try {
    text = sources.readFile(file)
  } catch (error) {
    problems.error(['providers', id], `the key file that ${name} names cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'error'}): check that it exists and that Headrace may read it`, 'key')
    return []
  }
  const grant = readServiceAccount(text, null)
  if (!grant.ok) problems.error(['providers', id], `the key file that ${name} names ${grant.error}`, 'key')
  return grant.ok ? [{ id: `${id}#1`, header: 'authorization', value: '', token: grant.value }] : []
}

/** Where a part of the address is the customer's own, the rest of it must be the vendor's. */
function isVendors(url: string, { baseUrl, placeHosts }: KnownProvider): boolean {
  const origin = URL.parse(url)?.origin
  if (Object.values(placeHosts ?? {}).some(host => origin === `https://${host}`)) return true
  const [vendors = ''] = /^\w+:\/\/[^/]+/.exec(baseUrl) ?? []
  if (!vendors.includes('{')) return origin === URL.parse(baseUrl)?.origin
  const pattern = vendors.split(/\{\w+\}/).map(RegExp.escape).join('[A-Za-z0-9-]+')
  // A host that is the customer's altogether is nobody's vendor.
  return origin !== undefined && !/\/\/\{\w+\}$/.test(vendors) && new RegExp(`^${pattern}$`).test(origin)
}

function checkHeaders(id: string, headers: Readonly<Record<string, string>>, problems: ConfigProblems): void {
  const seen = new Set<string>()
  for (const header of Object.keys(headers)) {
    const path = ['providers', id, 'headers', header]
    const lower = header.toLowerCase()
    if (RESERVED.test(lower)) problems.error(path, `header \`${header}\` is set by Headrace itself: leave it out`, 'key')
    if (CREDENTIAL_HEADERS.test(lower)) problems.error(path, `header \`${header}\` carries a credential: write it under \`credentials\` as \`{value, header}\``, 'key')
    if (seen.has(lower)) problems.error(path, `header \`${header}\` stands here twice (upper and lower case are the same): keep one of them`, 'key')
    seen.add(lower)
  }
}

function checkRepeats(names: readonly string[], path: readonly (string | number)[], problems: ConfigProblems): void {
  const seen = new Set<string>()
  for (const [index, name] of names.entries()) {
    if (seen.has(name)) problems.error([...path, index], `\`${name}\` stands here twice: keep one of them`)
    if (name.endsWith('*')) problems.error([...path, index], 'this list names models that exist; a wildcard belongs under the top-level `models`')
    seen.add(name)
  }
}
