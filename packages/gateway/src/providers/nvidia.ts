import type { ProviderProfile } from '@headrace/contract'

export const nvidia = Object.freeze({
  id: 'nvidia',
  name: 'NVIDIA NIM',
  docs: 'https://docs.api.nvidia.com/nim/reference/llm-apis',
  dialect: 'openai-chat',
  baseUrl: 'https://integrate.api.nvidia.com/v1',
  env: Object.freeze(['NVIDIA_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail'], code: ['title'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
