import type { ProviderProfile } from '@headrace/contract'

export const poe = Object.freeze({
  id: 'poe',
  name: 'Poe',
  docs: 'https://creator.poe.com/docs/external-applications/openai-compatible-api',
  dialect: 'openai-chat',
  baseUrl: 'https://api.poe.com/v1',
  env: Object.freeze(['POE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning', 'images', 'documents']),
  quirks: Object.freeze({
    refuses: ['seed', 'logit_bias', 'frequency_penalty', 'presence_penalty'],
    oneChoice: true,
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
