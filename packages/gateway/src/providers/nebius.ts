import type { ProviderProfile } from '@headrace/contract'

export const nebius = Object.freeze({
  id: 'nebius',
  name: 'Nebius Token Factory',
  docs: 'https://docs.tokenfactory.nebius.com',
  dialect: 'openai-chat',
  baseUrl: 'https://api.tokenfactory.nebius.com/v1',
  env: Object.freeze(['NEBIUS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'images', 'files', 'batches', 'fine-tuning', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
