import type { ProviderProfile } from '@headrace/contract'

export const modelscope = Object.freeze({
  id: 'modelscope',
  name: 'ModelScope',
  docs: 'https://modelscope.cn/docs/model-service/API-Inference/intro',
  dialect: 'openai-chat',
  baseUrl: 'https://api-inference.modelscope.cn/v1',
  env: Object.freeze(['MODELSCOPE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['errors.message', 'error.message'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
