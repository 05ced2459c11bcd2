import type { ProviderProfile } from '@headrace/contract'

export const upstage = Object.freeze({
  id: 'upstage',
  name: 'Upstage',
  docs: 'https://console.upstage.ai/docs/capabilities/generate/reasoning',
  dialect: 'openai-chat',
  baseUrl: 'https://api.upstage.ai/v1',
  env: Object.freeze(['UPSTAGE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
