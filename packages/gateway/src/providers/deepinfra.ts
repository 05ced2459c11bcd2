import type { ProviderProfile } from '@headrace/contract'

export const deepinfra = Object.freeze({
  id: 'deepinfra',
  name: 'DeepInfra',
  docs: 'https://deepinfra.com/docs/openai_api',
  dialect: 'openai-chat',
  baseUrl: 'https://api.deepinfra.com/v1/openai',
  env: Object.freeze(['DEEPINFRA_API_KEY', 'DEEPINFRA_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'images', 'speech', 'transcriptions', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'detail.error', 'detail.0.msg', 'detail'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
