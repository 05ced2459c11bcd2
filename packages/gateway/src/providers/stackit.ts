import type { ProviderProfile } from '@headrace/contract'

export const stackit = Object.freeze({
  id: 'stackit',
  name: 'STACKIT AI Model Serving',
  docs: 'https://docs.stackit.cloud/products/data-and-ai/ai-model-serving',
  dialect: 'openai-chat',
  baseUrl: 'https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1',
  env: Object.freeze(['STACKIT_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'images']),
  quirks: Object.freeze({
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
