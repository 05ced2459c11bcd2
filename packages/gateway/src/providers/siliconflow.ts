import type { ProviderProfile } from '@headrace/contract'

export const siliconflow = Object.freeze({
  id: 'siliconflow',
  name: 'SiliconFlow',
  docs: 'https://docs.siliconflow.com',
  dialect: 'openai-chat',
  baseUrl: 'https://api.siliconflow.com/v1',
  env: Object.freeze(['SILICONFLOW_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'rerank', 'images', 'speech', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['code'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
