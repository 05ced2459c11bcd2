import type { ProviderProfile } from '@headrace/contract'

export const friendli = Object.freeze({
  id: 'friendli',
  name: 'Friendli',
  docs: 'https://friendli.ai/docs/openapi/serverless/chat-completions',
  dialect: 'openai-chat',
  baseUrl: 'https://api.friendli.ai/serverless/v1',
  env: Object.freeze(['FRIENDLI_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail', 'message'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
