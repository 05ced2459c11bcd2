import type { ProviderProfile } from '@headrace/contract'

export const featherless = Object.freeze({
  id: 'featherless',
  name: 'Featherless AI',
  docs: 'https://featherless.ai/docs',
  dialect: 'openai-chat',
  baseUrl: 'https://api.featherless.ai/v1',
  env: Object.freeze(['FEATHERLESS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
