import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {llamacpp: {}}`. */
export const llamacpp = Object.freeze({
  id: 'llamacpp',
  name: 'llama.cpp',
  docs: 'https://github.com/ggml-org/llama.cpp/tree/master/tools/server',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:8080/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'messages', 'completions', 'embeddings', 'rerank', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'audio']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content', returns: true },
    refusal: { message: ['error.message'], code: ['error.type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
