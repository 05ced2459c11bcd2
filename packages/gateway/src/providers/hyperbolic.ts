import type { ProviderProfile } from '@headrace/contract'

export const hyperbolic = Object.freeze({
  id: 'hyperbolic',
  name: 'Hyperbolic',
  docs: 'https://docs.hyperbolic.xyz',
  dialect: 'openai-chat',
  baseUrl: 'https://api.hyperbolic.xyz/v1',
  env: Object.freeze(['HYPERBOLIC_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    refusal: { message: ['error.message', 'message', 'detail.0.msg', 'detail'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
