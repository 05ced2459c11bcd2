import type { ProviderProfile } from '@headrace/contract'

export const metaLlama = Object.freeze({
  id: 'meta-llama',
  name: 'Meta Llama API',
  docs: 'https://llama.developer.meta.com/docs/features/compatibility',
  dialect: 'openai-chat',
  baseUrl: 'https://api.llama.com/compat/v1',
  env: Object.freeze(['LLAMA_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'images']),
  quirks: Object.freeze({
    oneChoice: true,
    refusal: { message: ['error.message', 'detail', 'title'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
