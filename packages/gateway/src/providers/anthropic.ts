import type { KnownProvider } from '@headrace/contract'

/** https://docs.anthropic.com/en/api/messages */
export const anthropic = Object.freeze({
  id: 'anthropic',
  dialect: 'anthropic-messages',
  baseUrl: 'https://api.anthropic.com/v1',
  env: Object.freeze(['ANTHROPIC_API_KEY']),
  auth: 'x-api-key',
  usageOption: false,
  models: Object.freeze(['claude-opus-4-1', 'claude-sonnet-4-5', 'claude-haiku-4-5']),
} as const satisfies KnownProvider)
