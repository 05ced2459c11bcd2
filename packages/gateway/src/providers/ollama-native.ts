import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {ollama-native: {}}`. Its own API, which holds more of its options than the compatible one. */
export const ollamaNative = Object.freeze({
  id: 'ollama-native',
  name: 'Ollama (its own API)',
  docs: 'https://docs.ollama.com/api',
  dialect: 'ollama-chat',
  baseUrl: 'http://127.0.0.1:11434',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: false,
  endpoints: Object.freeze(['chat', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
