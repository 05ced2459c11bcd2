import type { ProviderProfile } from '@headrace/contract'

export const inception = Object.freeze({
  id: 'inception',
  name: 'Inception',
  docs: 'https://docs.inceptionlabs.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.inceptionlabs.ai/v1',
  env: Object.freeze(['INCEPTION_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    maxTemperature: 1,
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
