import type { ProviderProfile } from '@headrace/contract'

export const huggingface = Object.freeze({
  id: 'huggingface',
  name: 'Hugging Face Inference Providers',
  docs: 'https://huggingface.co/docs/inference-providers',
  dialect: 'openai-chat',
  baseUrl: 'https://router.huggingface.co/v1',
  env: Object.freeze(['HF_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    refusal: { message: ['error.message', 'error'], code: ['error.code', 'error_type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
