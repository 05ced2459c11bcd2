import type { ProviderProfile } from '@headrace/contract'

export const ionos = Object.freeze({
  id: 'ionos',
  name: 'IONOS AI Model Hub',
  docs: 'https://docs.ionos.com/cloud/ai/ai-model-hub',
  dialect: 'openai-chat',
  baseUrl: 'https://openai.inference.de-txl.ionos.com/v1',
  env: Object.freeze(['IONOS_API_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'images']),
  quirks: Object.freeze({
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
