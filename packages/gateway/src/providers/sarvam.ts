import type { ProviderProfile } from '@headrace/contract'

export const sarvam = Object.freeze({
  id: 'sarvam',
  name: 'Sarvam AI',
  docs: 'https://docs.sarvam.ai/api-reference-docs/chat',
  dialect: 'openai-chat',
  baseUrl: 'https://api.sarvam.ai/v1',
  env: Object.freeze(['SARVAM_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat']),
  capabilities: Object.freeze(['tools', 'reasoning', 'web-search']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
