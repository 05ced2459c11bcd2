import type { KnownProvider } from '@headrace/contract'

/** https://docs.siliconflow.com */
export const siliconflow = Object.freeze({
  id: 'siliconflow',
  dialect: 'openai-chat',
  baseUrl: 'https://api.siliconflow.com/v1',
  env: Object.freeze(['SILICONFLOW_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
