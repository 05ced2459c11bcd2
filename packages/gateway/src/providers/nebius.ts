import type { KnownProvider } from '@headrace/contract'

/** https://docs.tokenfactory.nebius.com */
export const nebius = Object.freeze({
  id: 'nebius',
  dialect: 'openai-chat',
  baseUrl: 'https://api.tokenfactory.nebius.com/v1',
  env: Object.freeze(['NEBIUS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
