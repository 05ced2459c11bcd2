import type { KnownProvider } from '@headrace/contract'

/** https://api-docs.deepseek.com */
export const deepseek = Object.freeze({
  id: 'deepseek',
  dialect: 'openai-chat',
  baseUrl: 'https://api.deepseek.com/v1',
  env: Object.freeze(['DEEPSEEK_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze(['deepseek-chat', 'deepseek-reasoner']),
} as const satisfies KnownProvider)
