import type { ProviderProfile } from '@headrace/contract'

export const novita = Object.freeze({
  id: 'novita',
  name: 'Novita AI',
  docs: 'https://novita.ai/docs/guides/llm-api',
  dialect: 'openai-chat',
  baseUrl: 'https://api.novita.ai/openai/v1',
  env: Object.freeze(['NOVITA_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'rerank', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['reason'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
