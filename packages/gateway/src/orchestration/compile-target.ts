import { findFacts, type Catalogue, type DialectId, type ModelFacts, type Operation, type Origin, type ProviderConfig, type Target } from '@headrace/contract'
import gatewayPackage from '../../package.json' with { type: 'json' }
import { asciiJson, headerSafe } from './model-name.ts'
import type { CapacityTable } from './capacity/capacity-table.ts'
import type { PriceTable } from './price-table.ts'

/** Where a dialect's operations live below the base path; '' = it has none such. */
const OPERATION_PATHS = Object.freeze({
  'openai-chat': { chat: '/chat/completions', completion: '/completions', embeddings: '/embeddings', 'count-tokens': '' },
  'anthropic-messages': { chat: '/messages', completion: '', embeddings: '', 'count-tokens': '/messages/count_tokens' },
} as const satisfies Record<DialectId, Record<Operation, string>>)

/** What all targets of one provider share. */
export interface CompiledProvider {
  readonly config: ProviderConfig
  readonly origin: Origin
  readonly paths: Readonly<Record<Operation, string>>
  readonly headers: string
  readonly prices: PriceTable
  readonly capacity: CapacityTable
  /** What is known of its models, by name and alias. */
  readonly facts: ReadonlyMap<string, ModelFacts>
}

/** What is said of targets by name, apart from their provider. */
export interface TargetTables { readonly prices: PriceTable, readonly capacity: CapacityTable, readonly catalogue: Catalogue }

/** Throws on a header that would not render to one clean line: a checked configuration has none. */
export function compileProvider(config: ProviderConfig, { prices, capacity, catalogue }: TargetTables): CompiledProvider {
  const url = new URL(config.baseUrl)
  const base = url.pathname.replace(/\/+$/, '')
  const paths = OPERATION_PATHS[config.dialect]
  const at = (path: string): string => path === '' ? '' : base + path
  const tls = url.protocol === 'https:'
  return Object.freeze({
    config,
    origin: Object.freeze({ tls, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? (tls ? 443 : 80) : Number(url.port), authority: url.host, proxy: config.proxy }),
    paths: Object.freeze({ chat: at(paths.chat), completion: at(paths.completion), embeddings: at(paths.embeddings), 'count-tokens': at(paths['count-tokens']) }),
    headers: renderHeaders(config),
    prices, capacity, facts: catalogue.of(config.id),
  })
}

function renderHeaders(config: ProviderConfig): string {
  const headers = new Map([['content-type', 'application/json'], ['accept-encoding', 'identity'], ['user-agent', `headrace/${gatewayPackage.version}`]])
  for (const [name, value] of Object.entries(config.headers)) headers.set(name.toLowerCase(), value)
  return [...headers].map(([name, value]) => headerLine(name, value, config.id)).join('')
}

/** One header line, CRLF included. */
export function headerLine(name: string, value: string, providerId: string): string {
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) throw new Error(`provider ${providerId}: header ${JSON.stringify(name)} is not one clean line`)
  return `${name}: ${value}\r\n`
}

/** One frozen target per credential, in the configured order; one without credential where the provider wants none. */
export function compileTargets(provider: CompiledProvider, model: string): readonly Target[] {
  const { config } = provider
  const name = `${config.id}/${model}`
  const ids = config.credentials.length === 0 ? [null] : config.credentials.map(credential => credential.id)
  const facts = findFacts(provider.facts, model)
  const shared = {
    provider: config.id, model, dialect: config.dialect, origin: provider.origin, paths: provider.paths, headers: provider.headers,
    timeouts: config.timeouts, name, answerHeaders: `headrace-target: ${headerSafe(name)}\r\n`, usageOption: config.usageOption, structuredOutput: config.structuredOutput ?? 'native', modelJson: asciiJson(model),
    prefill: config.prefill ?? facts?.capabilities.prefill === true, price: provider.prices.find(name) ?? facts?.price ?? null, facts, capacity: provider.capacity.find(name),
  }
  return ids.map(credentialId => Object.freeze({ ...shared, credentialId }))
}
