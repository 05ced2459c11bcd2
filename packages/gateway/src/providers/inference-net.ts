import type { ProviderProfile } from '@headrace/contract'

/** The variable is ours: its vendor's, `INFERENCE_API_KEY`, could be anybody's. */
export const inferenceNet = Object.freeze({
  id: 'inference-net',
  name: 'Inference.net',
  docs: 'https://docs.inference.net',
  dialect: 'openai-chat',
  baseUrl: 'https://api.inference.net/v1',
  env: Object.freeze(['INFERENCE_NET_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
