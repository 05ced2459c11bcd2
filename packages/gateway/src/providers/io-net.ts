import type { ProviderProfile } from '@headrace/contract'

export const ioNet = Object.freeze({
  id: 'io-net',
  name: 'IO Intelligence',
  docs: 'https://docs.io.net/reference',
  dialect: 'openai-chat',
  baseUrl: 'https://api.intelligence.io.solutions/api/v1',
  env: Object.freeze(['IOINTELLIGENCE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
