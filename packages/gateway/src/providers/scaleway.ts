import type { ProviderProfile } from '@headrace/contract'

export const scaleway = Object.freeze({
  id: 'scaleway',
  name: 'Scaleway Generative APIs',
  docs: 'https://www.scaleway.com/en/docs/generative-apis',
  dialect: 'openai-chat',
  baseUrl: 'https://api.scaleway.ai/v1',
  env: Object.freeze(['SCW_SECRET_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'embeddings', 'rerank', 'transcriptions', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'audio']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
