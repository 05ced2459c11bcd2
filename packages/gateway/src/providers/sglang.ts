import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {sglang: {}}`. */
export const sglang = Object.freeze({
  id: 'sglang',
  name: 'SGLang',
  docs: 'https://docs.sglang.ai/basic_usage/openai_api_completions.html',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:30000/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'rerank', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    finishReasons: { abort: 'error' },
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
