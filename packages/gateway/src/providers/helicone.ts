import type { ProviderProfile } from '@headrace/contract'

export const helicone = Object.freeze({
  id: 'helicone',
  name: 'Helicone AI Gateway',
  docs: 'https://docs.helicone.ai/gateway/overview',
  dialect: 'openai-chat',
  baseUrl: 'https://ai-gateway.helicone.ai/v1',
  env: Object.freeze(['HELICONE_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
