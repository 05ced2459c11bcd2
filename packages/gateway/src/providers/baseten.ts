import type { KnownProvider } from '@headrace/contract'

/** https://docs.baseten.co/development/model-apis/overview */
export const baseten = Object.freeze({
  id: 'baseten',
  dialect: 'openai-chat',
  baseUrl: 'https://inference.baseten.co/v1',
  env: Object.freeze(['BASETEN_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
