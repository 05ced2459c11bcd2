import type { ProviderProfile } from '@headrace/contract'

export const sambanova = Object.freeze({
  id: 'sambanova',
  name: 'SambaNova',
  docs: 'https://docs.sambanova.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.sambanova.ai/v1',
  env: Object.freeze(['SAMBANOVA_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'transcriptions', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    refusal: { message: ['error.message', 'error'], code: ['error.code', 'error.type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
