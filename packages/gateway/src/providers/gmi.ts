import type { ProviderProfile } from '@headrace/contract'

export const gmi = Object.freeze({
  id: 'gmi',
  name: 'GMI Cloud',
  docs: 'https://docs.gmicloud.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.gmi-serving.com/v1',
  env: Object.freeze(['GMI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
