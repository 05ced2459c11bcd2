import type { KnownProvider } from '@headrace/contract'

/** https://docs.together.ai/docs/openai-api-compatibility */
export const together = Object.freeze({
  id: 'together',
  dialect: 'openai-chat',
  baseUrl: 'https://api.together.xyz/v1',
  env: Object.freeze(['TOGETHER_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
