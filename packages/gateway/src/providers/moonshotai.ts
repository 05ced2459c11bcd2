import type { KnownProvider } from '@headrace/contract'

/** https://platform.moonshot.ai/docs/api/chat */
export const moonshotai = Object.freeze({
  id: 'moonshotai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.moonshot.ai/v1',
  env: Object.freeze(['MOONSHOT_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
