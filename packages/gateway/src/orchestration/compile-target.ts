import { findFacts, type CapacityRule, type Catalogue, type ModelFacts, type Origin, type PriceRule, type ProviderConfig, type Target, type TimeoutRule, type TimeoutRules } from '@headrace/contract'
import gatewayPackage from '../../package.json' with { type: 'json' }
import { asciiJson, headerSafe } from './model-name.ts'
import { operationPaths } from './operation-paths.ts'
import type { NamedRules } from './named-rules.ts'
import { compileTimeouts } from './timeouts.ts'

/** What all targets of one provider share. */
export interface CompiledProvider {
  readonly config: ProviderConfig
  readonly origin: Origin
  /** Path of the base URL, without slash at its end. */
  readonly base: string
  readonly headers: string
  readonly tables: Omit<TargetTables, 'catalogue'>
  /** What is known of its models, by name and alias. */
  readonly facts: ReadonlyMap<string, ModelFacts>
}

/** What is said of targets by name, apart from their provider. */
export interface TargetTables {
  readonly prices: NamedRules<PriceRule>
  readonly capacity: NamedRules<CapacityRule>
  readonly timeouts: NamedRules<TimeoutRule>
  readonly catalogue: Catalogue
}

/** Throws on a header that would not render to one clean line: a checked configuration has none. */
export function compileProvider(config: ProviderConfig, { catalogue, ...tables }: TargetTables): CompiledProvider {
  const url = new URL(config.baseUrl)
  const tls = url.protocol === 'https:'
  return Object.freeze({
    config,
    origin: Object.freeze({ tls, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? (tls ? 443 : 80) : Number(url.port), authority: url.host, proxy: config.proxy }),
    base: url.pathname.replace(/\/+$/, ''),
    headers: renderHeaders(config),
    tables, facts: catalogue.of(config.id),
  })
}

function renderHeaders(config: ProviderConfig): string {
  return Object.entries({ 'content-type': 'application/json', ...providerHeaders(config) }).map(([name, value]) => headerLine(name, value, config.id)).join('')
}

/** What every request to a provider says, whatever it is, by lower-case name. */
export function providerHeaders(config: ProviderConfig): Readonly<Record<string, string>> {
  const configured = Object.entries(config.headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  return Object.freeze({ 'accept-encoding': 'identity', 'user-agent': `headrace/${gatewayPackage.version}`, ...Object.fromEntries(configured) })
}

/** One header line, CRLF included. */
export function headerLine(name: string, value: string, providerId: string): string {
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) throw new Error(`provider ${providerId}: header ${JSON.stringify(name)} is not one clean line`)
  return `${name}: ${value}\r\n`
}

/** One frozen target per credential, in the configured order; one without credential where the provider wants none. `timeouts`: as the public model has them. */
export function compileTargets(provider: CompiledProvider, model: string, timeouts: TimeoutRules = {}): readonly Target[] {
  const { config, tables } = provider
  const name = `${config.id}/${model}`
  const ids = config.credentials.length === 0 ? [null] : config.credentials.map(credential => credential.id)
  const facts = findFacts(provider.facts, model)
  const shared = {
    provider: config.id, model, dialect: config.dialect, origin: provider.origin, paths: pathsOf(provider, model), headers: provider.headers,
    ...compileTimeouts([config.timeouts, tables.timeouts.find(name)?.timeouts, timeouts], facts?.firstToken ?? 'normal'), name, answerHeaders: `headrace-target: ${headerSafe(name)}\r\n`, usageOption: config.usageOption, structuredOutput: config.structuredOutput ?? 'native', modelJson: asciiJson(model),
    prefill: config.prefill ?? facts?.capabilities.prefill === true, price: tables.prices.find(name)?.price ?? facts?.price ?? null, facts, capacity: tables.capacity.find(name), quirks: config.quirks ?? null,
    ...servicesOf(config),
  }
  return ids.map(credentialId => Object.freeze({ ...shared, credentialId }))
}

function pathsOf({ config, base }: CompiledProvider, model: string): Target['paths'] {
  const paths = operationPaths(config.dialect, base, model, config.apiVersion)
  const { completions, embeddings, rerank, paths: own } = config.services ?? {}
  // An `@` parts a model's name from its version at Google, and stands for itself in a path.
  const at = (path: string): string => new URL(path.replace('{model}', () => encodeURIComponent(model).replaceAll('%40', '@')), `http://provider${base}/`).pathname
  return Object.freeze({ ...paths, ...(own === undefined ? {} : { chat: at(own.chat), 'chat-stream': at(own['chat-stream']), 'count-tokens': at(own['count-tokens']) }), ...(completions === false ? { completion: '' } : {}), ...(embeddings === undefined ? {} : { embeddings: at(embeddings.path), embedding: '' }), ...(rerank === undefined ? {} : { rerank: at(rerank.path) }) })
}

function servicesOf({ services }: ProviderConfig): Pick<Target, 'services'> {
  if (services === undefined) return {}
  const { embeddings, rerank } = services
  return { services: Object.freeze({ ...(embeddings === undefined ? {} : { embeddings: embeddings.format }), ...(rerank === undefined ? {} : { rerank: rerank.format }) }) }
}
