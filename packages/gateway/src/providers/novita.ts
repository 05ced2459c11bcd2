import type { KnownProvider } from '@headrace/contract'

/** https://novita.ai/docs/guides/llm-api */
export const novita = Object.freeze({
  id: 'novita',
  dialect: 'openai-chat',
  baseUrl: 'https://api.novita.ai/openai/v1',
  env: Object.freeze(['NOVITA_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
