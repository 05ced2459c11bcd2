import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {ollama: {}}`. */
export const ollama = Object.freeze({
  id: 'ollama',
  name: 'Ollama',
  docs: 'https://docs.ollama.com/openai',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:11434/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    refuses: ['logit_bias', 'user'],
    oneChoice: true,
    roles: { developer: 'system' },
    thoughts: { member: 'reasoning' },
    refusal: { message: ['error.message', 'error'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
