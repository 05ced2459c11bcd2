import type { KnownProvider } from '@headrace/contract'

/** Its model names hold slashes themselves (`openrouter/meta-llama/llama-3.3-70b-instruct`): https://openrouter.ai/docs/api-reference */
export const openrouter = Object.freeze({
  id: 'openrouter',
  dialect: 'openai-chat',
  baseUrl: 'https://openrouter.ai/api/v1',
  env: Object.freeze(['OPENROUTER_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
