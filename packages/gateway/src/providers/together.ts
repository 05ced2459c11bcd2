import type { ProviderProfile } from '@headrace/contract'

export const together = Object.freeze({
  id: 'together',
  name: 'Together AI',
  docs: 'https://docs.together.ai/docs/openai-api-compatibility',
  dialect: 'openai-chat',
  baseUrl: 'https://api.together.xyz/v1',
  env: Object.freeze(['TOGETHER_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'rerank', 'images', 'speech', 'transcriptions', 'files', 'batches', 'fine-tuning', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning' },
    finishReasons: { eos: 'stop' },
    quota: {
      requests: { limit: 'x-ratelimit-limit', remaining: 'x-ratelimit-remaining', reset: 'x-ratelimit-reset' },
      tokens: { limit: 'x-tokenlimit-limit', remaining: 'x-tokenlimit-remaining', reset: 'x-ratelimit-reset' },
    },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
