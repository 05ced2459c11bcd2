import type { ProviderProfile } from '@headrace/contract'

export const requesty = Object.freeze({
  id: 'requesty',
  name: 'Requesty',
  docs: 'https://docs.requesty.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://router.requesty.ai/v1',
  env: Object.freeze(['REQUESTY_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'messages', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'documents', 'prompt-caching']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
