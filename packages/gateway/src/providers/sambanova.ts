import type { KnownProvider } from '@headrace/contract'

/** https://docs.sambanova.ai */
export const sambanova = Object.freeze({
  id: 'sambanova',
  dialect: 'openai-chat',
  baseUrl: 'https://api.sambanova.ai/v1',
  env: Object.freeze(['SAMBANOVA_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
