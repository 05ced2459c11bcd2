import type { ProviderProfile } from '@headrace/contract'

export const gemini = Object.freeze({
  id: 'gemini',
  name: 'Google Gemini',
  docs: 'https://ai.google.dev/api/generate-content',
  dialect: 'google-gemini',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
  env: Object.freeze(['GEMINI_API_KEY', 'GOOGLE_API_KEY']),
  auth: 'x-goog-api-key',
  usageOption: false,
  endpoints: Object.freeze(['chat', 'embeddings', 'images', 'videos', 'realtime', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'documents', 'audio', 'prompt-caching', 'web-search']),
  models: Object.freeze(['gemini-2.5-pro', 'gemini-2.5-flash', 'gemini-2.5-flash-lite']),
  catalogueNames: Object.freeze(['google']),
} as const satisfies ProviderProfile)
