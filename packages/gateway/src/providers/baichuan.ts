import type { ProviderProfile } from '@headrace/contract'

export const baichuan = Object.freeze({
  id: 'baichuan',
  name: 'Baichuan',
  docs: 'https://platform.baichuan-ai.com/docs/api',
  dialect: 'openai-chat',
  baseUrl: 'https://api.baichuan-ai.com/v1',
  env: Object.freeze(['BAICHUAN_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings']),
  capabilities: Object.freeze(['tools']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    roles: { developer: 'system' },
    maxTemperature: 1,
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
