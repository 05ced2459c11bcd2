import type { ProviderProfile } from '@headrace/contract'

export const xai = Object.freeze({
  id: 'xai',
  name: 'xAI',
  docs: 'https://docs.x.ai/docs/api-reference',
  dialect: 'openai-chat',
  baseUrl: 'https://api.x.ai/v1',
  env: Object.freeze(['XAI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'web-search']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'error'], code: ['code'] },
  } as const),
  models: Object.freeze(['grok-4', 'grok-3', 'grok-3-mini']),
  catalogueNames: Object.freeze(['x-ai']),
} as const satisfies ProviderProfile)
