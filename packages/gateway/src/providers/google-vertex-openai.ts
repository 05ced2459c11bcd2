import type { ProviderProfile } from '@headrace/contract'

/** Vertex AI's endpoint in OpenAI's dialect: for models of other publishers that it serves ready to use. Their names begin with the publisher's. */
export const googleVertexOpenai = Object.freeze({
  id: 'google-vertex-openai',
  name: 'Google Vertex AI (OpenAI-compatible)',
  docs: 'https://docs.cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview',
  dialect: 'openai-chat',
  baseUrl: 'https://{GOOGLE_CLOUD_LOCATION}-aiplatform.googleapis.com/v1/projects/{GOOGLE_CLOUD_PROJECT}/locations/{GOOGLE_CLOUD_LOCATION}/endpoints/openapi',
  placeHosts: Object.freeze({ global: 'aiplatform.googleapis.com', us: 'aiplatform.us.rep.googleapis.com', eu: 'aiplatform.eu.rep.googleapis.com' }),
  env: Object.freeze(['GOOGLE_APPLICATION_CREDENTIALS']),
  auth: 'google-key-file',
  usageOption: true,
  endpoints: Object.freeze(['chat']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
