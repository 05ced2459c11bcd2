import type { ProviderProfile } from '@headrace/contract'

export const parasail = Object.freeze({
  id: 'parasail',
  name: 'Parasail',
  docs: 'https://docs.parasail.io',
  dialect: 'openai-chat',
  baseUrl: 'https://api.parasail.io/v1',
  env: Object.freeze(['PARASAIL_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
