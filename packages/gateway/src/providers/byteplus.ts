import type { ProviderProfile } from '@headrace/contract'

export const byteplus = Object.freeze({
  id: 'byteplus',
  name: 'BytePlus ModelArk',
  docs: 'https://docs.byteplus.com/en/docs/ModelArk',
  dialect: 'openai-chat',
  baseUrl: 'https://ark.ap-southeast.bytepluses.com/api/v3',
  env: Object.freeze(['BYTEPLUS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'embeddings', 'images', 'files', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'prompt-caching']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
