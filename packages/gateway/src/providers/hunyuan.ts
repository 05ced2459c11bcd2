import type { ProviderProfile } from '@headrace/contract'

export const hunyuan = Object.freeze({
  id: 'hunyuan',
  name: 'Tencent Hunyuan',
  docs: 'https://cloud.tencent.com/document/product/1729/111007',
  dialect: 'openai-chat',
  baseUrl: 'https://api.hunyuan.cloud.tencent.com/v1',
  env: Object.freeze(['HUNYUAN_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings']),
  capabilities: Object.freeze(['tools', 'reasoning', 'images']),
  quirks: Object.freeze({
    roles: { developer: 'system' },
    thoughts: { member: 'reasoning_content' },
    finishReasons: { sensitive: 'content_filter' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
