import type { ProviderProfile } from '@headrace/contract'

/** Gemini on Vertex AI. Projects and locations have addresses of their own; three locations have hosts without their name in front. */
export const googleVertex = Object.freeze({
  id: 'google-vertex',
  name: 'Google Vertex AI',
  docs: 'https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference',
  dialect: 'google-gemini',
  baseUrl: 'https://{GOOGLE_CLOUD_LOCATION}-aiplatform.googleapis.com/v1/projects/{GOOGLE_CLOUD_PROJECT}/locations/{GOOGLE_CLOUD_LOCATION}/publishers/google',
  placeHosts: Object.freeze({ global: 'aiplatform.googleapis.com', us: 'aiplatform.us.rep.googleapis.com', eu: 'aiplatform.eu.rep.googleapis.com' }),
  env: Object.freeze(['GOOGLE_APPLICATION_CREDENTIALS']),
  auth: 'google-key-file',
  usageOption: false,
  endpoints: Object.freeze(['chat', 'embeddings', 'images', 'videos', 'realtime', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'documents', 'audio', 'prompt-caching', 'web-search']),
  services: Object.freeze({ embeddings: { format: 'vertex-predict', path: 'models/{model}:predict' } } as const),
  models: Object.freeze(['gemini-2.5-pro', 'gemini-2.5-flash', 'gemini-2.5-flash-lite', 'gemini-embedding-001']),
} as const satisfies ProviderProfile)
