import type { ProviderProfile } from '@headrace/contract'

export const baseten = Object.freeze({
  id: 'baseten',
  name: 'Baseten',
  docs: 'https://docs.baseten.co/development/model-apis/overview',
  dialect: 'openai-chat',
  baseUrl: 'https://inference.baseten.co/v1',
  env: Object.freeze(['BASETEN_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
