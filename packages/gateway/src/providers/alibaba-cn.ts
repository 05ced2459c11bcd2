import type { ProviderProfile } from '@headrace/contract'

/** The variable is ours: keys of the two sites are not the same. */
export const alibabaCn = Object.freeze({
  id: 'alibaba-cn',
  name: 'Alibaba Cloud Model Studio (China)',
  docs: 'https://help.aliyun.com/zh/model-studio/compatibility-of-openai-with-dashscope',
  dialect: 'openai-chat',
  baseUrl: 'https://dashscope.aliyuncs.com/compatible-mode/v1',
  env: Object.freeze(['DASHSCOPE_CN_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'embeddings', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'audio', 'prompt-caching', 'web-search']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
