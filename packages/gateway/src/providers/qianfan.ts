import type { ProviderProfile } from '@headrace/contract'

export const qianfan = Object.freeze({
  id: 'qianfan',
  name: 'Baidu Qianfan',
  docs: 'https://cloud.baidu.com/doc/qianfan-api',
  dialect: 'openai-chat',
  baseUrl: 'https://qianfan.baidubce.com/v2',
  env: Object.freeze(['QIANFAN_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'rerank', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'web-search']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    roles: { developer: 'system' },
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
