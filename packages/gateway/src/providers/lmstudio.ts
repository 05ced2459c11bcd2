import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {lmstudio: {}}`. */
export const lmstudio = Object.freeze({
  id: 'lmstudio',
  name: 'LM Studio',
  docs: 'https://lmstudio.ai/docs/app/api/endpoints/openai',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:1234/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'error'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
