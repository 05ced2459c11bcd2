import type { ProviderProfile } from '@headrace/contract'

export const zai = Object.freeze({
  id: 'zai',
  name: 'Z.AI',
  docs: 'https://docs.z.ai/api-reference/llm/chat-completion',
  dialect: 'openai-chat',
  baseUrl: 'https://api.z.ai/api/paas/v4',
  env: Object.freeze(['ZAI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'images', 'videos', 'transcriptions', 'files', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning', 'images', 'documents', 'prompt-caching', 'web-search']),
  structuredOutput: 'instruction',
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    roles: { developer: 'system' },
    maxTemperature: 1,
    thoughts: { member: 'reasoning_content', returns: true },
    finishReasons: { sensitive: 'content_filter', model_context_window_exceeded: 'length', network_error: 'error' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
