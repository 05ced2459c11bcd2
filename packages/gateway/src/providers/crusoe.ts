import type { ProviderProfile } from '@headrace/contract'

export const crusoe = Object.freeze({
  id: 'crusoe',
  name: 'Crusoe Managed Inference',
  docs: 'https://docs.crusoecloud.com/managed-inference',
  dialect: 'openai-chat',
  baseUrl: 'https://managed-inference-api-proxy.crusoecloud.com/v1',
  env: Object.freeze(['CRUSOE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
