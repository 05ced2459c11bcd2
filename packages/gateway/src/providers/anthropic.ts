import type { ProviderProfile } from '@headrace/contract'

export const anthropic = Object.freeze({
  id: 'anthropic',
  name: 'Anthropic',
  docs: 'https://docs.anthropic.com/en/api/messages',
  dialect: 'anthropic-messages',
  baseUrl: 'https://api.anthropic.com/v1',
  env: Object.freeze(['ANTHROPIC_API_KEY']),
  auth: 'x-api-key',
  usageOption: false,
  endpoints: Object.freeze(['messages', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images', 'documents', 'prompt-caching', 'web-search']),
  models: Object.freeze(['claude-opus-4-1', 'claude-sonnet-4-5', 'claude-haiku-4-5']),
} as const satisfies ProviderProfile)
