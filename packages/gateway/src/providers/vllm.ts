import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {vllm: {}}`. */
export const vllm = Object.freeze({
  id: 'vllm',
  name: 'vLLM',
  docs: 'https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:8000/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'embeddings', 'rerank', 'transcriptions', 'translations', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'audio']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning', returns: true },
    finishReasons: { abort: 'error' },
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
