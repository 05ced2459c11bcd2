import type { KnownProvider } from '@headrace/contract'

/** Gemini's OpenAI-compatible endpoint, until its own dialect is spoken: https://ai.google.dev/gemini-api/docs/openai */
export const gemini = Object.freeze({
  id: 'gemini',
  dialect: 'openai-chat',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
  env: Object.freeze(['GEMINI_API_KEY', 'GOOGLE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze(['gemini-2.5-pro', 'gemini-2.5-flash', 'gemini-2.5-flash-lite', 'gemini-embedding-001']),
  catalogueNames: Object.freeze(['google']),
} as const satisfies KnownProvider)
