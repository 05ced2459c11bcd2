import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {jan: {}}`. */
export const jan = Object.freeze({
  id: 'jan',
  name: 'Jan',
  docs: 'https://jan.ai/docs/desktop/api-server',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:1337/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
