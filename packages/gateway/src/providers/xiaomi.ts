import type { ProviderProfile } from '@headrace/contract'

export const xiaomi = Object.freeze({
  id: 'xiaomi',
  name: 'Xiaomi MiMo',
  docs: 'https://platform.xiaomimimo.com',
  dialect: 'openai-chat',
  baseUrl: 'https://api.xiaomimimo.com/v1',
  env: Object.freeze(['XIAOMI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'messages', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content', returns: true },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
