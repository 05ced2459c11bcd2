import type { ProviderProfile } from '@headrace/contract'

/** Knows JSON objects, and no schemas. Breaks off with a finish reason of its own when it has no room. */
export const deepseek = Object.freeze({
  id: 'deepseek',
  name: 'DeepSeek',
  docs: 'https://api-docs.deepseek.com',
  dialect: 'openai-chat',
  baseUrl: 'https://api.deepseek.com/v1',
  env: Object.freeze(['DEEPSEEK_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning', 'prompt-caching']),
  structuredOutput: 'instruction',
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    roles: { developer: 'system' },
    thoughts: { member: 'reasoning_content', returns: true },
    finishReasons: { insufficient_system_resource: 'error' },
  } as const),
  models: Object.freeze(['deepseek-chat', 'deepseek-reasoner']),
} as const satisfies ProviderProfile)
