import type { ProviderProfile } from '@headrace/contract'

export const aihubmix = Object.freeze({
  id: 'aihubmix',
  name: 'AIHubMix',
  docs: 'https://docs.aihubmix.com',
  dialect: 'openai-chat',
  baseUrl: 'https://aihubmix.com/v1',
  env: Object.freeze(['AIHUBMIX_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'messages', 'embeddings', 'rerank', 'images', 'speech', 'transcriptions', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
