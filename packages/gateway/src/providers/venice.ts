import type { ProviderProfile } from '@headrace/contract'

export const venice = Object.freeze({
  id: 'venice',
  name: 'Venice AI',
  docs: 'https://docs.venice.ai/api-reference',
  dialect: 'openai-chat',
  baseUrl: 'https://api.venice.ai/api/v1',
  env: Object.freeze(['VENICE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'images', 'speech', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images', 'web-search']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'error'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
