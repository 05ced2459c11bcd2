import type { ProviderProfile } from '@headrace/contract'

export const synthetic = Object.freeze({
  id: 'synthetic',
  name: 'Synthetic',
  docs: 'https://dev.synthetic.new/docs',
  dialect: 'openai-chat',
  baseUrl: 'https://api.synthetic.new/openai/v1',
  env: Object.freeze(['SYNTHETIC_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning_content' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
