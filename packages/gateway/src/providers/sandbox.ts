import type { ProviderProfile } from '@headrace/contract'

/** The built-in simulated engine. The supervisor says where it runs; this address is only where none was said. */
export const sandbox = Object.freeze({
  id: 'sandbox',
  name: 'Headrace sandbox',
  docs: 'https://www.npmjs.com/package/headrace',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:8788/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'messages', 'completions', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning']),
  models: Object.freeze(['echo']),
} as const satisfies ProviderProfile)
