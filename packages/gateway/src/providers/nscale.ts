import type { ProviderProfile } from '@headrace/contract'

export const nscale = Object.freeze({
  id: 'nscale',
  name: 'Nscale',
  docs: 'https://docs.nscale.com',
  dialect: 'openai-chat',
  baseUrl: 'https://inference.api.nscale.com/v1',
  env: Object.freeze(['NSCALE_SERVICE_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
