import type { ProviderProfile } from '@headrace/contract'

export const vultr = Object.freeze({
  id: 'vultr',
  name: 'Vultr Serverless Inference',
  docs: 'https://docs.vultr.com/products/compute/serverless-inference',
  dialect: 'openai-chat',
  baseUrl: 'https://api.vultrinference.com/v1',
  env: Object.freeze(['VULTR_INFERENCE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'images', 'speech', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
