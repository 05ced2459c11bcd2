import type { KnownProvider } from '@headrace/contract'

/** Anthropic's OpenAI-compatible endpoint, until its own dialect is spoken: https://docs.anthropic.com/en/api/openai-sdk */
export const anthropic = Object.freeze({
  id: 'anthropic',
  dialect: 'openai-chat',
  baseUrl: 'https://api.anthropic.com/v1',
  env: Object.freeze(['ANTHROPIC_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze(['claude-opus-4-1', 'claude-sonnet-4-5', 'claude-haiku-4-5']),
} as const satisfies KnownProvider)
