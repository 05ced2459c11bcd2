import type { ProviderProfile } from '@headrace/contract'

/** The same models behind OpenAI's API, and embeddings in it. Refusals come as a list of one. */
export const geminiOpenAi = Object.freeze({
  id: 'gemini-openai',
  name: 'Google Gemini (OpenAI compatible)',
  docs: 'https://ai.google.dev/gemini-api/docs/openai',
  dialect: 'openai-chat',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
  env: Object.freeze(['GEMINI_OPENAI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'audio']),
  quirks: Object.freeze({
    refusal: { message: ['0.error.message', 'error.message'], code: ['0.error.status', 'error.status'] },
  } as const),
  models: Object.freeze(['gemini-embedding-001']),
  catalogueNames: Object.freeze(['google']),
} as const satisfies ProviderProfile)
