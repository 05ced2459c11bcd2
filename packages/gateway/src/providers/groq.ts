import type { KnownProvider } from '@headrace/contract'

/** https://console.groq.com/docs/openai */
export const groq = Object.freeze({
  id: 'groq',
  dialect: 'openai-chat',
  baseUrl: 'https://api.groq.com/openai/v1',
  env: Object.freeze(['GROQ_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze(['llama-3.3-70b-versatile', 'llama-3.1-8b-instant']),
} as const satisfies KnownProvider)
