import type { KnownProvider } from '@headrace/contract'

/** https://docs.z.ai/api-reference/llm/chat-completion */
export const zai = Object.freeze({
  id: 'zai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.z.ai/api/paas/v4',
  env: Object.freeze(['ZAI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
