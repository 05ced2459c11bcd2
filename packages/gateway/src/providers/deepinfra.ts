import type { KnownProvider } from '@headrace/contract'

/** https://deepinfra.com/docs/openai_api */
export const deepinfra = Object.freeze({
  id: 'deepinfra',
  dialect: 'openai-chat',
  baseUrl: 'https://api.deepinfra.com/v1/openai',
  env: Object.freeze(['DEEPINFRA_API_KEY', 'DEEPINFRA_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
