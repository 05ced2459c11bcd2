import type { KnownProvider } from '@headrace/contract'

/** https://docs.perplexity.ai: usage stands in its streams without being asked for, and `stream_options` is no field of its API. */
export const perplexity = Object.freeze({
  id: 'perplexity',
  dialect: 'openai-chat',
  baseUrl: 'https://api.perplexity.ai',
  env: Object.freeze(['PERPLEXITY_API_KEY']),
  auth: 'bearer',
  usageOption: false,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
