import type { ProviderProfile } from '@headrace/contract'

export const cortecs = Object.freeze({
  id: 'cortecs',
  name: 'Cortecs',
  docs: 'https://docs.cortecs.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.cortecs.ai/v1',
  env: Object.freeze(['CORTECS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
