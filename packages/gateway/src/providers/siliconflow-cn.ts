import type { ProviderProfile } from '@headrace/contract'

/** The variable is ours: keys of the two sites are not the same. */
export const siliconflowCn = Object.freeze({
  id: 'siliconflow-cn',
  name: 'SiliconFlow (China)',
  docs: 'https://docs.siliconflow.cn',
  dialect: 'openai-chat',
  baseUrl: 'https://api.siliconflow.cn/v1',
  env: Object.freeze(['SILICONFLOW_CN_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'rerank', 'images', 'speech', 'transcriptions', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['code'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
