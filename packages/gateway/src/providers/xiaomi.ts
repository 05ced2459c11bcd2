import type { KnownProvider } from '@headrace/contract'

/** https://platform.xiaomimimo.com */
export const xiaomi = Object.freeze({
  id: 'xiaomi',
  dialect: 'openai-chat',
  baseUrl: 'https://api.xiaomimimo.com/v1',
  env: Object.freeze(['XIAOMI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
