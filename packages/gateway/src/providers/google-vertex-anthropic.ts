import type { ProviderProfile } from '@headrace/contract'

/** Claude on Vertex AI: Anthropic's Messages, but for the paths, the model in them, and a version in the body. */
export const googleVertexAnthropic = Object.freeze({
  id: 'google-vertex-anthropic',
  name: 'Anthropic on Google Vertex AI',
  docs: 'https://docs.anthropic.com/en/api/claude-on-vertex-ai',
  dialect: 'anthropic-messages',
  baseUrl: 'https://{GOOGLE_CLOUD_LOCATION}-aiplatform.googleapis.com/v1/projects/{GOOGLE_CLOUD_PROJECT}/locations/{GOOGLE_CLOUD_LOCATION}/publishers/anthropic',
  placeHosts: Object.freeze({ global: 'aiplatform.googleapis.com', us: 'aiplatform.us.rep.googleapis.com', eu: 'aiplatform.eu.rep.googleapis.com' }),
  env: Object.freeze(['GOOGLE_APPLICATION_CREDENTIALS']),
  auth: 'google-key-file',
  usageOption: false,
  endpoints: Object.freeze(['messages', 'batches']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images', 'documents', 'prompt-caching', 'web-search']),
  services: Object.freeze({ paths: { chat: 'models/{model}:rawPredict', 'chat-stream': 'models/{model}:streamRawPredict', 'count-tokens': 'models/count-tokens:rawPredict' } } as const),
  quirks: Object.freeze({ elsewhere: ['model'], demands: { anthropic_version: 'vertex-2023-10-16' } } as const),
  models: Object.freeze(['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-4-5@20251001']),
} as const satisfies ProviderProfile)
