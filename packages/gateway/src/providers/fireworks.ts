import type { ProviderProfile } from '@headrace/contract'

/** Its model names are paths (`accounts/fireworks/models/...`). */
export const fireworks = Object.freeze({
  id: 'fireworks',
  name: 'Fireworks AI',
  docs: 'https://docs.fireworks.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.fireworks.ai/inference/v1',
  env: Object.freeze(['FIREWORKS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'embeddings', 'rerank', 'transcriptions', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content', returns: true },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
