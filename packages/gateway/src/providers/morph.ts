import type { ProviderProfile } from '@headrace/contract'

export const morph = Object.freeze({
  id: 'morph',
  name: 'Morph',
  docs: 'https://docs.morphllm.com',
  dialect: 'openai-chat',
  baseUrl: 'https://api.morphllm.com/v1',
  env: Object.freeze(['MORPH_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'rerank', 'models']),
  capabilities: Object.freeze([]),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
