import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {xinference: {}}`. */
export const xinference = Object.freeze({
  id: 'xinference',
  name: 'Xinference',
  docs: 'https://inference.readthedocs.io',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:9997/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'rerank', 'images', 'speech', 'transcriptions', 'translations', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
