import type { ProviderProfile } from '@headrace/contract'

export const vercelAiGateway = Object.freeze({
  id: 'vercel-ai-gateway',
  name: 'Vercel AI Gateway',
  docs: 'https://vercel.com/docs/ai-gateway/openai-compat',
  dialect: 'openai-chat',
  baseUrl: 'https://ai-gateway.vercel.sh/v1',
  env: Object.freeze(['AI_GATEWAY_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'messages', 'embeddings', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'documents', 'prompt-caching', 'web-search']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
