import type { ProviderProfile } from '@headrace/contract'

/** Usage stands in its streams without being asked for, and `stream_options` is no field of its API. */
export const perplexity = Object.freeze({
  id: 'perplexity',
  name: 'Perplexity',
  docs: 'https://docs.perplexity.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.perplexity.ai',
  env: Object.freeze(['PERPLEXITY_API_KEY']),
  auth: 'bearer',
  usageOption: false,
  endpoints: Object.freeze(['chat']),
  capabilities: Object.freeze(['json-schema', 'reasoning', 'images', 'web-search']),
  quirks: Object.freeze({
    refuses: ['stream_options'],
    renames: { max_completion_tokens: 'max_tokens' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail'], code: ['error.type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
