import type { ProviderProfile } from '@headrace/contract'

export const opencode = Object.freeze({
  id: 'opencode',
  name: 'OpenCode Zen',
  docs: 'https://opencode.ai/docs/zen',
  dialect: 'openai-chat',
  baseUrl: 'https://opencode.ai/zen/v1',
  env: Object.freeze(['OPENCODE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'messages', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
