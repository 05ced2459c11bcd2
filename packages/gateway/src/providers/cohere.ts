import type { ProviderProfile } from '@headrace/contract'

export const cohere = Object.freeze({
  id: 'cohere',
  name: 'Cohere',
  docs: 'https://docs.cohere.com/docs/compatibility-api',
  dialect: 'openai-chat',
  baseUrl: 'https://api.cohere.ai/compatibility/v1',
  env: Object.freeze(['COHERE_API_KEY', 'CO_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings', 'rerank']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  // Its compatible surface has no reranking, and no kinds of input, without which its newer models make lesser vectors.
  services: Object.freeze({ embeddings: { format: 'cohere-embed', path: '../../v2/embed' }, rerank: { format: 'cohere-rerank', path: '../../v2/rerank' } } as const),
  quirks: Object.freeze({
    refuses: ['logit_bias', 'metadata', 'store', 'service_tier', 'parallel_tool_calls', 'top_logprobs', 'prediction'],
    oneChoice: true,
    refusal: { message: ['error.message', 'message'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
