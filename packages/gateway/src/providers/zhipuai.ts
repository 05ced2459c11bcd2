import type { ProviderProfile } from '@headrace/contract'

export const zhipuai = Object.freeze({
  id: 'zhipuai',
  name: 'Zhipu AI',
  docs: 'https://docs.bigmodel.cn/api-reference',
  dialect: 'openai-chat',
  baseUrl: 'https://open.bigmodel.cn/api/paas/v4',
  env: Object.freeze(['ZHIPUAI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'rerank', 'moderations', 'images', 'videos', 'speech', 'transcriptions', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning', 'images', 'documents', 'prompt-caching', 'web-search']),
  structuredOutput: 'instruction',
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    roles: { developer: 'system' },
    maxTemperature: 1,
    thoughts: { member: 'reasoning_content', returns: true },
    finishReasons: { sensitive: 'content_filter', model_context_window_exceeded: 'length', network_error: 'error' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
