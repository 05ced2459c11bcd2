import type { KnownProvider } from '@headrace/contract'

/** https://docs.cohere.com/docs/compatibility-api */
export const cohere = Object.freeze({
  id: 'cohere',
  dialect: 'openai-chat',
  baseUrl: 'https://api.cohere.ai/compatibility/v1',
  env: Object.freeze(['COHERE_API_KEY', 'CO_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
