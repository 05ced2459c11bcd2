import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {lmdeploy: {}}`. */
export const lmdeploy = Object.freeze({
  id: 'lmdeploy',
  name: 'LMDeploy',
  docs: 'https://lmdeploy.readthedocs.io/en/latest/llm/api_server.html',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:23333/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['code'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
