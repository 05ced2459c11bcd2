import type { KnownProvider } from '@headrace/contract'

/** https://docs.x.ai/docs/api-reference */
export const xai = Object.freeze({
  id: 'xai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.x.ai/v1',
  env: Object.freeze(['XAI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze(['grok-4', 'grok-3', 'grok-3-mini']),
  catalogueNames: Object.freeze(['x-ai']),
} as const satisfies KnownProvider)
