import type { KnownProvider } from '../known-provider.ts'
import type { CredentialConfig, ProviderConfig } from '../resolved-config.ts'
import type { ConfigProblems } from './config-problems.ts'
import { resolveBaseUrl, resolveProxy } from './resolve-url.ts'
import { fileSchema, MAX_PROVIDERS, type ProviderFile } from './schema.ts'

export interface ProviderSources {
  readonly known: readonly KnownProvider[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Base URL of the running sandbox, or null: then there is none. */
  readonly sandboxUrl: string | null
}

/** Id of the built-in simulated provider. */
const SANDBOX = 'sandbox'
/** Headers that Headrace sets itself, and those that are credentials. */
const RESERVED = /^(?:host|content-length|content-type|content-encoding|transfer-encoding|accept-encoding|connection|keep-alive|te|trailer|upgrade|expect|anthropic-version|proxy-.*)$/
const CREDENTIAL_HEADERS = /^(?:authorization|x-api-key|api-key|cookie)$/

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
  return sources.known.filter(known => environmentKey(known, sources) !== null).map(known => [known.id, emptySettings()])
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
  const known = sources.known.find(provider => provider.id === id)
  const path = ['providers', id]
  const ownUrl = id === SANDBOX && sources.sandboxUrl !== null ? sources.sandboxUrl : known?.baseUrl
  const url = settings.base_url ?? ownUrl
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
  const { timeouts } = settings
  return {
    id, dialect: settings.dialect ?? known?.dialect ?? 'openai-chat', baseUrl: baseUrl.ok ? baseUrl.value : '', credentials,
    headers: settings.headers ?? {},
    timeouts: { connect: timeouts.connect, firstToken: timeouts.first_token, idle: timeouts.idle, total: timeouts.total },
    proxy: proxy?.ok ? proxy.value : null,
    usageOption: settings.usage_option ?? known?.usageOption ?? true,
    ...(settings.structured_output == null ? {} : { structuredOutput: settings.structured_output }),
    ...(settings.prefill == null ? {} : { prefill: settings.prefill }),
    models: settings.models ?? known?.models ?? [],
  }
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
    const value = typeof item === 'string' ? item : item.value
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

/** How the provider wants its key: as it is known to, unless the file says that another dialect is spoken there; else as the dialect has it. */
function credentialHeader(settings: ProviderFile, known: KnownProvider | undefined): string {
  if (known === undefined || (settings.dialect != null && settings.dialect !== known.dialect)) return settings.dialect === 'anthropic-messages' ? 'x-api-key' : 'authorization'
  return known.auth === 'bearer' || known.auth === 'none' ? 'authorization' : known.auth
}

/** The key from the environment, but only for the vendor's own host: a key must not follow a changed `base_url` (invariant 9). */
function defaultCredentials(id: string, settings: ProviderFile, known: KnownProvider | undefined, header: string, sources: ProviderSources, problems: ConfigProblems): CredentialConfig[] {
  if (known === undefined || known.auth === 'none') return []
  if (settings.base_url != null && URL.parse(settings.base_url)?.origin !== URL.parse(known.baseUrl)?.origin) {
    problems.warn(['providers', id], `provider \`${id}\` has a \`base_url\` of its own and no \`credentials\`: it is called without a key`)
    return []
  }
  const key = environmentKey(known, sources)
  if (key === null) {
    problems.error(['providers', id], `provider \`${id}\` has no credentials: set ${known.env.join(' or ')} in the environment, or write \`credentials\` (\`[]\` for none)`, 'key')
    return []
  }
  if (!/^[\x21-\x7e]{1,8192}$/.test(key.value)) problems.error(['providers', id], `environment variable ${key.name} is no credential: it holds spaces, line ends or other characters that a key cannot have`, 'key')
  return [{ id: `${id}#1`, header, value: key.value }]
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
