import type { KnownProvider } from '@headrace/contract'

/** https://platform.minimax.io/docs/api-reference/text-openai-api */
export const minimax = Object.freeze({
  id: 'minimax',
  dialect: 'openai-chat',
  baseUrl: 'https://api.minimax.io/v1',
  env: Object.freeze(['MINIMAX_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
