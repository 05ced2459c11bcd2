import type { ProviderProfile } from '@headrace/contract'

export const longcat = Object.freeze({
  id: 'longcat',
  name: 'LongCat',
  docs: 'https://longcat.chat/platform/docs',
  dialect: 'openai-chat',
  baseUrl: 'https://api.longcat.chat/openai/v1',
  env: Object.freeze(['LONGCAT_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat']),
  capabilities: Object.freeze(['tools', 'reasoning']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
