import type { ProviderProfile } from '@headrace/contract'

export const cerebras = Object.freeze({
  id: 'cerebras',
  name: 'Cerebras',
  docs: 'https://inference-docs.cerebras.ai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.cerebras.ai/v1',
  env: Object.freeze(['CEREBRAS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    refuses: ['frequency_penalty', 'presence_penalty', 'logit_bias'],
    thoughts: { member: 'reasoning' },
    refusal: { message: ['message', 'error.message'], code: ['code', 'type'], param: ['param'] },
    quota: {
      requests: { limit: 'x-ratelimit-limit-requests-day', remaining: 'x-ratelimit-remaining-requests-day', reset: 'x-ratelimit-reset-requests-day' },
      tokens: { limit: 'x-ratelimit-limit-tokens-minute', remaining: 'x-ratelimit-remaining-tokens-minute', reset: 'x-ratelimit-reset-tokens-minute' },
    },
  } as const),
  models: Object.freeze(['llama3.1-8b', 'llama-3.3-70b']),
} as const satisfies ProviderProfile)
