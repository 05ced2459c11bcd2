import type { ProviderProfile } from '@headrace/contract'

export const chutes = Object.freeze({
  id: 'chutes',
  name: 'Chutes',
  docs: 'https://chutes.ai/docs',
  dialect: 'openai-chat',
  baseUrl: 'https://llm.chutes.ai/v1',
  env: Object.freeze(['CHUTES_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
