import type { ProviderProfile } from '@headrace/contract'

/** Its model names hold slashes themselves (`openrouter/meta-llama/llama-3.3-70b-instruct`). */
export const openrouter = Object.freeze({
  id: 'openrouter',
  name: 'OpenRouter',
  docs: 'https://openrouter.ai/docs/api-reference',
  dialect: 'openai-chat',
  baseUrl: 'https://openrouter.ai/api/v1',
  env: Object.freeze(['OPENROUTER_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'documents', 'audio', 'prompt-caching', 'web-search']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning', returns: true },
    finishReasons: { error: 'error' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
