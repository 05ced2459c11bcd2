import type { ProviderProfile } from '@headrace/contract'

export const reka = Object.freeze({
  id: 'reka',
  name: 'Reka',
  docs: 'https://docs.reka.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.reka.ai/v1',
  env: Object.freeze(['REKA_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
