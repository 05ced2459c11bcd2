import type { ProviderProfile } from '@headrace/contract'

export const volcengine = Object.freeze({
  id: 'volcengine',
  name: 'Volcengine Ark',
  docs: 'https://www.volcengine.com/docs/82379',
  dialect: 'openai-chat',
  baseUrl: 'https://ark.cn-beijing.volces.com/api/v3',
  env: Object.freeze(['ARK_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'embeddings', 'images', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'prompt-caching']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
