import type { ProviderProfile } from '@headrace/contract'

export const nanogpt = Object.freeze({
  id: 'nanogpt',
  name: 'NanoGPT',
  docs: 'https://docs.nano-gpt.com',
  dialect: 'openai-chat',
  baseUrl: 'https://nano-gpt.com/api/v1',
  env: Object.freeze(['NANOGPT_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'images', 'speech', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning', 'images', 'web-search']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
